package ingest

import (
	"strings"
	"testing"
	"time"
)

func TestParseTime(t *testing.T) {
	for _, test := range []struct{ name, in, want, note string }{
		{"RFC 3339", "2025-10-06T00:36:46Z", "2025-10-06T00:36:46Z", ""},
		{"RFC 3339 with nine digits and an offset", "2025-11-10T03:41:09.123456789+00:00", "2025-11-10T03:41:09.123456789Z", ""},
		{"an offset is applied", "2025-11-10T03:41:09-04:30", "2025-11-10T08:11:09Z", ""},
		{"an offset of hours alone", "2025-11-10 03:41:09.5+02", "2025-11-10T01:41:09.5Z", ""},
		{"more digits than nanoseconds are cut", "2025-11-10T03:41:09.1234567891Z", "2025-11-10T03:41:09.123456789Z", ""},
		{"a comma before the fraction", "2025-11-10 03:41:09,125", "2025-11-10T03:41:09.125Z", ""},
		{"a minute without seconds", "2025-10-12T14:55Z", "2025-10-12T14:55:00Z", ""},
		{"lower case", "2025-10-06t00:36:46z", "2025-10-06T00:36:46Z", ""},
		{"blanks around", " 2025-10-06T00:36:46Z\n", "2025-10-06T00:36:46Z", ""},
		{"underscores for colons", "2025-10-07T00_00_00Z", "2025-10-07T00:00:00Z", ""},
		{"underscores for colons and a fraction", "2025-10-06T00_36_46.123Z", "2025-10-06T00:36:46.123Z", ""},
		{"hyphens for colons", "2025-12-26T13-54-50Z", "2025-12-26T13:54:50Z", ""},
		{"hyphens for colons and an offset", "2025-12-26T13-54-50-0400", "2025-12-26T17:54:50Z", ""},
		{"basic form", "20251220T000000Z", "2025-12-20T00:00:00Z", ""},
		{"basic form without zone is UTC", "20251220T000000", "2025-12-20T00:00:00Z", ""},
		{"local time is taken as UTC and noted", "20251028_131403", "2025-10-28T13:14:03Z", noZone},
		{"local time in one word likewise", "20251028131403", "2025-10-28T13:14:03Z", noZone},
		{"extended form without zone likewise", "2025-11-02T21:05:13.25", "2025-11-02T21:05:13.25Z", noZone},
		{"a time in one word with its zone", "20251028131403.5Z", "2025-10-28T13:14:03.5Z", ""},
		{"a zone after an underscore is a zone", "20251028_131403Z", "2025-10-28T13:14:03Z", ""},
		{"SQLite's current timestamp is UTC", "2025-11-10 03:41:09", "2025-11-10T03:41:09Z", ""},
		{"UTC by name", "2025-12-26 14:48 UTC", "2025-12-26T14:48:00Z", ""},
		{"Go's time with a monotonic clock", "2025-09-25 16:34:53.2 -0400 EDT m=+6984.4", "2025-09-25T20:34:53.2Z", ""},
		{"Go's time in UTC", "2025-09-25 16:34:53.123456789 +0000 UTC", "2025-09-25T16:34:53.123456789Z", ""},
		{"Go's time in a zone without a name", "2025-09-25 16:34:53 -0300 -03", "2025-09-25T19:34:53Z", ""},
		{"a date is its midnight", "2025-10-30", "2025-10-30T00:00:00Z", ""},
		{"a date without hyphens", "20251030", "2025-10-30T00:00:00Z", ""},
		{"Unix seconds", "1762744939", "2025-11-10T03:22:19Z", ""},
		{"Unix seconds with a fraction", "1762744939.25", "2025-11-10T03:22:19.25Z", ""},
		{"Unix milliseconds", "1762744939250", "2025-11-10T03:22:19.25Z", ""},
		{"the first second", "1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z", ""},
		{"the last second", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, note, ok := parseTime(test.in)
			if s := got.Format(time.RFC3339Nano); !ok || s != test.want || note != test.note {
				t.Errorf("parseTime(%q) = %s, %q, %t, want %s, %q", test.in, s, note, ok, test.want, test.note)
			}
		})
	}
}

func TestParseTimeRefusesWhatIsNoTime(t *testing.T) {
	for _, in := range []string{
		"", " ", "yesterday", "${timestamp_run}", "T", "Z", "-1", "1e999", "NaN", "2025", "2025-10", "99999999",
		"99999999999999",
		"2025-13-01", "2025-02-30", "2025-10-06T25:00:00Z", "2025-10-06T00:61:00Z", "2025-10-06T00:00:00+99:00",
		"2025-10-06T00:00:00Z and more", "2025-11-10 03:41:09 EDT", "2025-10-06T00:36:46Z\x00",
		"1969-12-31T23:59:59Z", "1970-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", "0000-00-00", "0001-01-01T00:00:00Z",
		"2025-10-06T00:00:00." + strings.Repeat("0", 100) + "Z", strings.Repeat("9", 100),
	} {
		if got, note, ok := parseTime(in); ok || note != "" || !got.IsZero() {
			t.Errorf("parseTime(%q) = %s, %q, %t, want no time", in, got, note, ok)
		}
	}
}

func TestParseUnix(t *testing.T) {
	for _, test := range []struct{ name, in, want string }{
		{"zero", "0", "1970-01-01T00:00:00Z"},
		{"seconds", "1762744939", "2025-11-10T03:22:19Z"},
		{"seconds are exact to the nanosecond", "1762744939.123456789", "2025-11-10T03:22:19.123456789Z"},
		{"leading zeros are decimal", "0017", "1970-01-01T00:00:17Z"},
		{"an exponent", "1.762744939E+9", "2025-11-10T03:22:19Z"},
		{"a negative exponent", "17627449390e-1", "2025-11-10T03:22:19Z"},
		{"a vanishing number", "1e-99", "1970-01-01T00:00:00Z"},
		{"the last of the seconds", "99999999999", "5138-11-16T09:46:39Z"},
		{"the first of the milliseconds", "100000000000", "1973-03-03T09:46:40Z"},
		{"milliseconds", "1762744939250", "2025-11-10T03:22:19.25Z"},
		{"milliseconds with a fraction", "1762744939250.5", "2025-11-10T03:22:19.2505Z"},
		{"microseconds", "1762744939250001", "2025-11-10T03:22:19.250001Z"},
		{"nanoseconds", "1762744939250000001", "2025-11-10T03:22:19.250000001Z"},
		{"the last nanosecond", "253402300799999999999", "9999-12-31T23:59:59.999999999Z"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, ok := parseUnix(test.in)
			if s := got.Format(time.RFC3339Nano); !ok || s != test.want {
				t.Errorf("parseUnix(%q) = %s, %t, want %s", test.in, s, ok, test.want)
			}
		})
	}
	for _, in := range []string{
		"", "-1", "-0.5", "+1", ".5", "1.", "1e", "1e100", "1e999999999", "1e99", "0x10", "1_000", "1/2", "NaN", "Inf",
		"253402300800000000000", strings.Repeat("1", 1000),
	} {
		if got, ok := parseUnix(in); ok || !got.IsZero() {
			t.Errorf("parseUnix(%q) = %s, %t, want no time", in, got, ok)
		}
	}
}

func FuzzParseTime(f *testing.F) {
	for _, s := range []string{
		"2025-10-07T00_00_00Z", "2025-12-26T13-54-50Z", "2025-10-06T00_36_46.123Z", "20251220T000000", "20251028_131403",
		"2025-11-10 03:41:09", "2025-09-25 16:34:53.2 -0400 EDT m=+6984.4", "2025-10-30", "1762744939.25", "1e999", "20251028131403",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, note, ok := parseTime(s)
		if !ok {
			if note != "" || !got.IsZero() {
				t.Errorf("parseTime(%q) refuses, yet returns %s, %q", s, got, note)
			}
			return
		}
		if got.Location() != time.UTC || got.Year() < 1970 || got.Year() > 9999 {
			t.Errorf("parseTime(%q) = %s, want a time in UTC from 1970 to 9999", s, got)
		}
		again, note, ok := parseTime(got.Format(time.RFC3339Nano))
		if !ok || note != "" || !again.Equal(got) {
			t.Errorf("parseTime(%q) = %s, which reads as %s, %q, %t", s, got, again, note, ok)
		}
	})
}
