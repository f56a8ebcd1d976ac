package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/consensusd/consensusd/store/archive"
)

// A BackupKeep says which backups stay: the newest of each of the last days,
// weeks and months in which there are any, in UTC.
type BackupKeep struct{ Days, Weeks, Months int }

// rules are how many periods of each kind keep their newest backup.
func (k BackupKeep) rules() []keepRule {
	return []keepRule{
		{k.Days, func(t time.Time) string { return t.Format(time.DateOnly) }},
		{k.Weeks, func(t time.Time) string {
			year, week := t.ISOWeek()
			return fmt.Sprint(year, " week ", week)
		}},
		{k.Months, func(t time.Time) string { return t.Format("2006-01") }},
	}
}

type keepRule struct {
	periods int
	period  func(time.Time) string
}

// choose tells the names of the backups that stay, of all, which begin with the
// newest; and for each that goes, those that stay in its place. One that
// has Problems stands in only for others that have some. The newest, and the newest
// without Problems, stay whatever k says.
func (k BackupKeep) choose(all []Backup) (stay map[string]bool, instead map[string][]string) {
	stay, instead = k.newest(all)
	staySound, insteadSound := k.newest(slices.DeleteFunc(slices.Clone(all), func(b Backup) bool { return len(b.Problems) > 0 }))
	maps.Copy(stay, staySound)
	maps.Copy(instead, insteadSound)
	return stay, instead
}

// newest is choose among backups that are as good as each other. For each that
// goes, the newest of all is among those in its place.
func (k BackupKeep) newest(all []Backup) (stay map[string]bool, instead map[string][]string) {
	stay, instead = map[string]bool{}, map[string][]string{}
	if len(all) == 0 {
		return stay, instead
	}
	stay[all[0].Name] = true
	for _, b := range all[1:] {
		instead[b.Name] = []string{all[0].Name}
	}
	for _, rule := range k.rules() {
		newest := map[string]string{} // of each period
		for _, b := range all {
			period := rule.period(b.CreatedAt.UTC())
			if name, ok := newest[period]; ok {
				instead[b.Name] = append(instead[b.Name], name)
			} else if len(newest) < rule.periods {
				newest[period] = b.Name
				stay[b.Name] = true
			}
		}
	}
	return stay, instead
}

// Prune deletes the backups that keep does not want, and returns their names.
// Nothing is deleted before what stays in its place, and the newest, have been read
// and found to be what they were when they were made. A damaged one stands in for
// none, and is not deleted either: it may be all that is left of something. The
// names of those are returned too. One that has Problems stands in only for others
// that have some. The error is [ErrBackingUp] when a backup is under way.
func (to Backups) Prune(ctx context.Context, keep BackupKeep) (deleted, damaged []string, err error) {
	release, err := to.lock()
	if err != nil {
		return nil, nil, fmt.Errorf("backups %s: %w", to, err)
	}
	defer release()
	all, err := to.List()
	if err != nil {
		return nil, nil, err
	}
	good := slices.DeleteFunc(slices.Clone(all), func(b Backup) bool { return b.Damage != "" })
	verified, compared := map[string]bool{}, sameFiles{}
	for {
		goes, wrong, err := to.choose(ctx, keep, good, verified, compared)
		if err != nil {
			return nil, nil, err
		}
		if wrong != "" {
			good = slices.DeleteFunc(good, func(b Backup) bool { return b.Name == wrong })
			continue
		}
		for _, b := range all {
			if !slices.ContainsFunc(good, func(g Backup) bool { return g.Name == b.Name }) {
				damaged = append(damaged, b.Name)
			}
		}
		deleted, err = to.remove(goes)
		return deleted, damaged, err
	}
}

// choose tells which backups go, or the name of one that was to stay in the place
// of others, and is damaged.
func (to Backups) choose(ctx context.Context, keep BackupKeep, good []Backup, verified map[string]bool, compared sameFiles) (goes []Backup, wrong string, err error) {
	stay, instead := keep.choose(good)
	relied := map[string]bool{}
	for _, b := range good {
		if stay[b.Name] {
			continue
		}
		goes = append(goes, b)
		for _, name := range instead[b.Name] {
			relied[name] = true
		}
	}
	for _, b := range good {
		if !relied[b.Name] || verified[b.Name] {
			continue
		}
		problems, err := b.verifyFiles(ctx, compared, nil)
		if err != nil {
			return nil, "", err
		}
		if len(problems) > 0 {
			return nil, b.Name, nil
		}
		verified[b.Name] = true
	}
	return goes, "", nil
}

// remove deletes backups. What is half deleted bears a name of what is unfinished.
func (to Backups) remove(goes []Backup) (deleted []string, err error) {
	for _, b := range goes {
		gone := filepath.Join(string(to), "."+b.Name+unfinished)
		if err := os.Rename(b.Path, gone); err != nil {
			return deleted, fmt.Errorf("delete backup: %w", err)
		}
		Step("backup unnamed")
		deleted = append(deleted, b.Name)
		if err := os.RemoveAll(gone); err != nil {
			return deleted, fmt.Errorf("delete backup: %w", err)
		}
	}
	if len(goes) == 0 {
		return nil, nil
	}
	return deleted, archive.SyncFolder(string(to))
}

// Latest returns when the newest backup was made that is whole at first sight,
// zero when there is none.
func (to Backups) Latest() (time.Time, error) {
	b, err := to.Newest(time.Unix(1<<40, 0))
	if errors.Is(err, ErrNotFound) {
		return time.Time{}, nil
	}
	return b.CreatedAt, err
}
