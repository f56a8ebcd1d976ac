package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// A duration is Go's, and days and weeks besides: 90s, 15m, 7d, 2w.
type duration time.Duration

const day, week = 24 * time.Hour, 7 * 24 * time.Hour

const durationToken = `(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h|d|w)`

var (
	durationUnit = pattern(durationToken)
	wholly       = pattern(`^(?:` + durationToken + `)+$`)
	units        = map[string]time.Duration{"ns": 1, "us": time.Microsecond, "µs": time.Microsecond, "ms": time.Millisecond,
		"s": time.Second, "m": time.Minute, "h": time.Hour, "d": day, "w": week}
)

func parseDuration(s string) (time.Duration, error) {
	if s == "0" {
		return 0, nil
	}
	if !wholly().MatchString(s) {
		return 0, errors.New("want a duration such as 90s, 15m, 6h, 7d or 2w")
	}
	var total float64
	for _, m := range durationUnit().FindAllStringSubmatch(s, -1) {
		n, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			return 0, err
		}
		total += n * float64(units[m[2]])
	}
	if total >= math.MaxInt64 {
		return 0, errors.New("longer than 292 years")
	}
	return time.Duration(total), nil
}

func (d *duration) Set(s string) error {
	v, err := parseDuration(s)
	*d = duration(v)
	return err
}

func (d *duration) Type() string { return "duration" }

func (d *duration) String() string {
	v := time.Duration(*d)
	for _, unit := range []struct {
		name  string
		value time.Duration
	}{{"d", day}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}} {
		if v >= unit.value && v%unit.value == 0 {
			return fmt.Sprintf("%d%s", v/unit.value, unit.name)
		}
	}
	return v.String()
}

// A byteSize is a number of bytes: 1048576, 64MiB, 10MB.
type byteSize int64

var (
	sizeText  = pattern(`^(?i)(\d+) ?(B|KB|MB|GB|KiB|MiB|GiB)?$`)
	sizeUnits = map[string]int64{"": 1, "b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30}
)

func (z *byteSize) Set(s string) error {
	m := sizeText().FindStringSubmatch(s)
	if m == nil {
		return errors.New("want a size such as 1048576, 10MB or 64MiB")
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	unit := sizeUnits[strings.ToLower(m[2])]
	if err != nil || n < 1 || n > math.MaxInt64/unit {
		return errors.New("want a size from 1 byte on")
	}
	*z = byteSize(n * unit)
	return nil
}

func (z *byteSize) Type() string { return "size" }

func (z *byteSize) String() string {
	switch n := int64(*z); {
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%dMiB", n>>20)
	case n >= 1e6 && n%1e6 == 0:
		return fmt.Sprintf("%dMB", n/1e6)
	}
	return strconv.FormatInt(int64(*z), 10)
}

// A moment is a date, an RFC 3339 time or how long ago; its zero value is none.
type moment struct {
	time.Time
	now func() time.Time
}

func (m *moment) Set(s string) (err error) {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if m.Time, err = time.Parse(layout, s); err == nil && !m.IsZero() {
			m.Time = m.UTC()
			return nil
		}
	}
	ago, err := parseDuration(s)
	if err != nil || ago == 0 {
		return errors.New("want a date (2025-10-30), a time (2025-10-30T12:00:00Z) or how long ago (28d, 6h, 2w)")
	}
	m.Time = m.now().Add(-ago).UTC()
	return nil
}

func (m *moment) Type() string { return "time" }

func (m *moment) String() string {
	if m.IsZero() {
		return ""
	}
	return m.Format(time.RFC3339)
}
