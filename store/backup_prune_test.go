package store

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTheNewestBackupOfEachDayWeekAndMonthIsKept(t *testing.T) {
	// A backup at each of these days before Monday the 15th of June 2026.
	daily := func(days int) (all []Backup) {
		for n := range days {
			at := backupNow.AddDate(0, 0, -n)
			all = append(all, Backup{Name: at.Format(time.DateOnly), BackupManifest: BackupManifest{CreatedAt: at}})
		}
		return all
	}
	at := func(names ...string) (all []Backup) {
		for _, name := range names {
			created, err := time.Parse("2006-01-02 15:04", strings.TrimSuffix(name, " flawed"))
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, Backup{Name: name, BackupManifest: BackupManifest{CreatedAt: created}})
		}
		return all
	}
	// A name with "flawed" is one whose archive was damaged already.
	flawed := func(all []Backup) []Backup {
		for i, b := range all {
			if strings.Contains(b.Name, "flawed") {
				all[i].Problems = []Problem{{What: "archive"}}
			}
		}
		return all
	}
	tests := map[string]struct {
		keep BackupKeep
		all  []Backup
		want []string
	}{
		"nothing there":  {BackupKeep{7, 4, 6}, nil, nil},
		"nothing wanted": {BackupKeep{}, daily(3), []string{"2026-06-15"}},
		"days":           {BackupKeep{Days: 3}, daily(9), []string{"2026-06-13", "2026-06-14", "2026-06-15"}},
		"weeks":          {BackupKeep{Weeks: 3}, daily(40), []string{"2026-06-07", "2026-06-14", "2026-06-15"}},
		"months":         {BackupKeep{Months: 3}, daily(99), []string{"2026-04-30", "2026-05-31", "2026-06-15"}},
		"all of them": {BackupKeep{7, 4, 6}, daily(400), []string{
			"2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31",
			"2026-06-07", "2026-06-09", "2026-06-10", "2026-06-11", "2026-06-12", "2026-06-13", "2026-06-14", "2026-06-15"}},
		"several a day":                   {BackupKeep{Days: 2}, at("2026-06-15 23:59", "2026-06-15 00:00", "2026-06-14 23:59", "2026-06-14 12:00"), []string{"2026-06-14 23:59", "2026-06-15 23:59"}},
		"days without one do not count":   {BackupKeep{Days: 2}, at("2026-06-15 12:00", "2026-01-01 12:00", "2025-01-01 12:00"), []string{"2026-01-01 12:00", "2026-06-15 12:00"}},
		"weeks of two years are one, too": {BackupKeep{Weeks: 1}, at("2026-01-01 12:00", "2025-12-31 12:00"), []string{"2026-01-01 12:00"}},
		"a flawed one stands in for no sound one": {BackupKeep{Days: 1}, flawed(at("2026-06-15 13:00 flawed", "2026-06-15 12:00", "2026-06-15 11:00")),
			[]string{"2026-06-15 12:00", "2026-06-15 13:00 flawed"}},
		"flawed days do not count among sound ones": {BackupKeep{Days: 2}, flawed(at("2026-06-15 12:00 flawed", "2026-06-14 12:00 flawed", "2026-06-13 12:00 flawed", "2026-06-12 12:00", "2026-06-11 12:00", "2026-06-10 12:00")),
			[]string{"2026-06-11 12:00", "2026-06-12 12:00", "2026-06-14 12:00 flawed", "2026-06-15 12:00 flawed"}},
		"a sound one stands in for flawed ones": {BackupKeep{Days: 1}, flawed(at("2026-06-15 13:00", "2026-06-15 12:00 flawed", "2026-06-14 12:00 flawed")), []string{"2026-06-15 13:00"}},
		"the newest sound one stays": {BackupKeep{}, flawed(at("2026-06-15 13:00 flawed", "2026-06-14 12:00 flawed", "2020-01-01 12:00", "2019-01-01 12:00")),
			[]string{"2020-01-01 12:00", "2026-06-15 13:00 flawed"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			stay, instead := tt.keep.choose(tt.all)
			var got []string
			for _, b := range tt.all {
				if stay[b.Name] {
					got = append(got, b.Name)
				}
			}
			slices.Sort(got)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("stay (-want +got):\n%s", diff)
			}
			for name, others := range instead {
				for _, other := range others {
					if !stay[name] && other <= name {
						t.Errorf("%s is to stand in for %s", other, name)
					}
				}
			}
		})
	}
}

func TestPruningCountsNoDamagedBackupAndDeletesNone(t *testing.T) {
	h := newBackupHome(t)
	var all []Backup
	for n := range 5 { // the newest first
		all = append(all, h.backUp(t, backupNow.Add(-time.Duration(n)*time.Hour)))
	}
	flip(t, filepath.Join(all[0].Path, "consensus.db"), 5000) // not to be seen at first sight
	if err := os.Remove(filepath.Join(all[1].Path, "manifest.json")); err != nil {
		t.Fatal(err)
	}
	deleted, damaged, err := h.backups.Prune(t.Context(), BackupKeep{Days: 1})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{all[3].Name, all[4].Name}, deleted); diff != "" {
		t.Errorf("deleted: %s", diff)
	}
	if diff := cmp.Diff([]string{all[0].Name, all[1].Name}, damaged); diff != "" {
		t.Errorf("damaged: %s", diff)
	}
	if diff := cmp.Diff([]string{".lock", all[2].Name, all[1].Name, all[0].Name}, names(t, string(h.backups))); diff != "" {
		t.Error(diff)
	}
	mustBeIntact(t, all[2])
	if newest, err := h.backups.Newest(backupNow); err != nil || newest.Name != all[0].Name {
		t.Errorf("newest at first sight: %v, %v", newest.Name, err)
	}
}

// Names that became free again are not given to others: they would seem older
// than what was there before them.
func TestBackupsOfOneSecondKeepTheirOrder(t *testing.T) {
	h := newBackupHome(t)
	for range 3 {
		h.backUp(t, backupNow)
	}
	for range 2 {
		if _, _, err := h.backups.Prune(t.Context(), BackupKeep{Days: 1}); err != nil {
			t.Fatal(err)
		}
		made := h.backUp(t, backupNow)
		if newest, err := h.backups.Newest(backupNow); err != nil || newest.Name != made.Name {
			t.Errorf("the newest is %s, %v, when %s was just made", newest.Name, err, made.Name)
		}
	}
	if diff := cmp.Diff([]string{".lock", "20260615T120000Z-4", "20260615T120000Z-5"}, names(t, string(h.backups))); diff != "" {
		t.Error(diff)
	}
}

func TestTheLastGoodBackupIsNeverPruned(t *testing.T) {
	h := newBackupHome(t)
	old := h.backUp(t, backupNow.AddDate(-5, 0, 0))
	flip(t, filepath.Join(h.backUp(t, backupNow).Path, "consensus.db"), 5000)
	for range 2 {
		deleted, _, err := h.backups.Prune(t.Context(), BackupKeep{Days: 1})
		if err != nil || len(deleted) > 0 {
			t.Errorf("deleted %v, %v", deleted, err)
		}
	}
	mustBeIntact(t, old)
	if _, err := Backups(filepath.Join(t.TempDir(), "none")).List(); err != nil {
		t.Error(err)
	}
}

// The backups are on another disk, and so do not share the file that goes bad.
func TestABackupOfADamagedArchiveStandsInForNoGoodOne(t *testing.T) {
	h := newBackupHome(t)
	h.backups = Backups(filepath.Join(otherFileSystem(t, filepath.Dir(h.store.target)), "backups"))
	h.backUp(t, backupNow.Add(-2*time.Hour))
	good := h.backUp(t, backupNow.Add(-time.Hour))
	flip(t, filepath.Join(h.archive.folder, "2026-05.zst"), 30)
	var flawed Backup
	for n := range 3 {
		flawed = h.backUp(t, backupNow.AddDate(0, 0, n))
		if len(flawed.Problems) != 1 {
			t.Fatalf("problems: %v", flawed.Problems)
		}
		if _, _, err := h.backups.Prune(t.Context(), BackupKeep{Days: 1}); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{".lock", good.Name, flawed.Name}, names(t, string(h.backups))); diff != "" {
		t.Error(diff)
	}
	mustBeIntact(t, good)
	s, a := restored(t, good)
	verified(t, s, a)
}
