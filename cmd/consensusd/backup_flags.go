package main

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/consensusd/consensusd/store"
)

// A keeping says which backups stay: 7d,4w,6m, or all.
type keeping struct {
	store.BackupKeep
	all bool
}

var keptBackups = regexp.MustCompile(`^(\d{1,4})([dwm])$`)

func (k *keeping) Set(s string) error {
	if s == "all" {
		*k = keeping{all: true}
		return nil
	}
	var v keeping
	of := map[string]*int{"d": &v.Days, "w": &v.Weeks, "m": &v.Months}
	for part := range strings.SplitSeq(s, ",") {
		m := keptBackups.FindStringSubmatch(strings.TrimSpace(part))
		if m == nil || of[m[2]] == nil {
			return errors.New("want days, weeks and months, each once, such as 7d,4w,6m; or all")
		}
		n, err := strconv.Atoi(m[1])
		if err != nil {
			return err
		}
		*of[m[2]] = n
		delete(of, m[2])
	}
	*k = v
	return nil
}

func (k *keeping) Type() string { return "days,weeks,months" }

func (k *keeping) String() string {
	if k.all {
		return "all"
	}
	return fmt.Sprintf("%dd,%dw,%dm", k.Days, k.Weeks, k.Months)
}

// usualKeep is what the daemon keeps unless it is told otherwise.
var usualKeep = keeping{BackupKeep: store.BackupKeep{Days: 7, Weeks: 4, Months: 6}}
