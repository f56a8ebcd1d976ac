package ingest

import (
	"cmp"
	"math/big"
	"strings"
	"time"
)

// maxTimeLength bounds the work a hostile time can cause; the longest real one, Go's with a monotonic clock, has 60.
const maxTimeLength = 80

// noZone is the note on a time that is likely to be local to a place unknown.
const noZone = "the time has no zone, taken as UTC"

// calendar matches a date, its clock if it has one, its zone if it has one, and what Go's Time.String adds.
var calendar = pattern(`(?i)^(\d{4})(-?)(\d{2})-?(\d{2})` + // year, hyphen, month, day
	`(?:([T _])(\d{2})[:_-]?(\d{2})(?:[:_-]?(\d{2})(?:[.,](\d+))?)?)?` + // separator, hour, minute, second, fraction
	` ?(?:(Z|UTC|GMT)|([+-]\d{2})(?:[:_-]?(\d{2}))?(?: (?:[A-Z]{1,5}|[+-]\d{2,4}))?)?` + // UTC, or offset's hours, minutes
	`(?: m=[+-][\d.]+)?$`)

var (
	oneWord = pattern(`^\d{14}(\.\d+)?[Zz]?$`)
	// unixText asks for nine digits, which seconds have since 1973: 2025 is a year, 20251030 a day.
	unixText = pattern(`^\d{9,}(\.\d+)?$`)
)

// parseTime reads a time as agents write it in documents and file names, and returns it in UTC:
//
//	2025-10-06T00:36:46.123456789+00:00    RFC 3339 with any fraction, : being _ or - in names
//	20251220T000000Z                       ISO 8601's basic form, zone UTC when it has none
//	20251028_131403, 20251028131403        local to an unknown place: UTC, with a note
//	2025-11-10 03:41:09                    SQLite's CURRENT_TIMESTAMP: UTC
//	2025-10-30, 20251030                   midnight UTC
//	2025-09-25 16:34:53.2 -0400 EDT m=+6984.4    Go's Time.String
//	1762744939.25                          parseUnix, from nine digits on
//
// The note, a phrase for people, says what was assumed; it is "" if nothing was. ok is false for a text that is no time
// and for a year before 1970 or after 9999.
func parseTime(s string) (t time.Time, note string, ok bool) {
	s = strings.TrimSpace(s)
	if len(s) > maxTimeLength {
		return time.Time{}, "", false
	}
	if oneWord().MatchString(s) {
		s = s[:8] + "_" + s[8:]
	}
	if unixText().MatchString(s) {
		t, ok = parseUnix(s)
		return t, "", ok
	}
	m := calendar().FindStringSubmatch(s)
	if m == nil {
		return time.Time{}, "", false
	}
	if t, ok = calendarTime(m); ok && calendarIsLocal(m) {
		note = noZone
	}
	return t, note, ok
}

// calendarTime returns the time that a match of calendar describes, if there is such a date.
func calendarTime(m []string) (time.Time, bool) {
	year, month, day, hour, minute, second := m[1], m[3], m[4], cmp.Or(m[6], "00"), cmp.Or(m[7], "00"), cmp.Or(m[8], "00")
	zone := "Z"
	if m[11] != "" {
		zone = m[11] + ":" + cmp.Or(m[12], "00")
	}
	t, err := time.Parse(time.RFC3339Nano,
		year+"-"+month+"-"+day+"T"+hour+":"+minute+":"+second+"."+cmp.Or(m[9], "0")+zone)
	if err != nil {
		return time.Time{}, false
	}
	return yearInRange(t)
}

// calendarIsLocal reports whether a match of calendar has a clock without a zone, in a spelling not known to mean UTC.
func calendarIsLocal(m []string) bool {
	separator, hyphen, hasZone := m[5], m[2] != "", m[10] != "" || m[11] != ""
	switch separator {
	case "", " ":
		return false
	case "_":
		return !hasZone
	}
	return !hasZone && hyphen
}

// unixNumber is a JSON number that is not negative, with an exponent small enough to compute with.
var unixNumber = pattern(`^\d+(\.\d+)?([eE][+-]?\d{1,2})?$`)

// parseUnix reads the text of a JSON number as a Unix time, exactly to the nanosecond. The unit follows from the
// magnitude: below 1e11 seconds (to the year 5138), below 1e14 milliseconds (from 1973), below 1e17 microseconds, else
// nanoseconds. It returns false for what is negative, after the year 9999 or no number.
func parseUnix(literal string) (time.Time, bool) {
	if len(literal) > maxTimeLength || !unixNumber().MatchString(literal) {
		return time.Time{}, false
	}
	n, ok := new(big.Rat).SetString(literal)
	if !ok {
		return time.Time{}, false
	}
	unit := int64(time.Second)
	for limit := int64(1e11); unit > 1 && n.Cmp(big.NewRat(limit, 1)) >= 0; limit *= 1000 {
		unit /= 1000
	}
	n.Mul(n, big.NewRat(unit, 1))
	nanos := new(big.Int).Quo(n.Num(), n.Denom())
	seconds, rest := nanos.QuoRem(nanos, big.NewInt(1e9), new(big.Int))
	if seconds.BitLen() > 40 { // the year 36812; far beyond, Int64 would wrap around
		return time.Time{}, false
	}
	return yearInRange(time.Unix(seconds.Int64(), rest.Int64()))
}

// yearInRange returns t in UTC, and whether its year can be a document's.
func yearInRange(t time.Time) (time.Time, bool) {
	t = t.UTC()
	if t.Year() < 1970 || t.Year() > 9999 {
		return time.Time{}, false
	}
	return t, true
}
