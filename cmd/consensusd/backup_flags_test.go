package main

import (
	"testing"

	"github.com/consensusd/consensusd/store"
)

func TestWhatToKeepIsReadAndShown(t *testing.T) {
	for text, want := range map[string]keeping{
		"7d,4w,6m":  usualKeep,
		"6m, 7d,4w": usualKeep,
		"3d":        {BackupKeep: store.BackupKeep{Days: 3}},
		"12m,0d":    {BackupKeep: store.BackupKeep{Months: 12}},
		"all":       {all: true},
	} {
		got := keeping{BackupKeep: store.BackupKeep{Days: 99, Weeks: 99}}
		if err := got.Set(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
		again := keeping{}
		if err := again.Set(got.String()); err != nil || again != want {
			t.Errorf("%s is shown as %s", text, got.String())
		}
	}
	for _, text := range []string{"", "7", "d", "-1d", "7d,3d", "7y", "7d4w", "all,7d", "99999d", "7d,"} {
		if got := usualKeep; got.Set(text) == nil || got != usualKeep {
			t.Errorf("%q is taken for %v", text, got)
		}
	}
}
