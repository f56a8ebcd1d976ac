package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": 0, "90s": 90 * time.Second, "15m": 15 * time.Minute, "1h30m": 90 * time.Minute, "7d": 7 * day, "2w": 14 * day,
		"1d12h": 36 * time.Hour, "1.5h": 90 * time.Minute, "100ms": 100 * time.Millisecond, "0s": 0,
	} {
		var d duration
		if err := d.Set(text); err != nil || time.Duration(d) != want {
			t.Errorf("%s: %v, %v; want %v", text, time.Duration(d), err, want)
		}
	}
	for _, text := range []string{"", "7", "d", "-1h", "1y", "1 d", "1d ", "soon", "99999999999d", "1h-30m"} {
		var d duration
		if err := d.Set(text); err == nil {
			t.Errorf("%q: %v, want an error", text, time.Duration(d))
		}
	}
	for d, want := range map[time.Duration]string{
		7 * day: "7d", 15 * time.Minute: "15m", 90 * time.Second: "90s", 0: "0s", 1500 * time.Millisecond: "1.5s",
	} {
		if got := (*duration)(&d).String(); got != want {
			t.Errorf("%v is written %s, want %s", d, got, want)
		}
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]int64{
		"1048576": 1 << 20, "64MiB": 64 << 20, "10MB": 10_000_000, "1kib": 1024, "2 GiB": 2 << 30, "5B": 5, "1KB": 1000,
	} {
		var z byteSize
		if err := z.Set(text); err != nil || int64(z) != want {
			t.Errorf("%s: %d, %v; want %d", text, int64(z), err, want)
		}
	}
	for _, text := range []string{"", "0", "-1", "64M", "1.5MiB", "MiB", "99999999999GiB", "99999999999999999999"} {
		var z byteSize
		if err := z.Set(text); err == nil {
			t.Errorf("%q: %d, want an error", text, int64(z))
		}
	}
	for bytes, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 2150: "2.1 KiB", 1<<20 - 1: "1.0 MiB", 64 << 20: "64.0 MiB", 3 << 40: "3.0 TiB"} {
		if got := size(bytes); got != want {
			t.Errorf("%d bytes are written %s, want %s", bytes, got, want)
		}
	}
}

func TestMoments(t *testing.T) {
	now := time.Date(2025, 10, 30, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"2025-10-29":                "2025-10-29T00:00:00Z",
		"2025-10-29T10:00:00Z":      "2025-10-29T10:00:00Z",
		"2025-10-29T10:00:00+02:00": "2025-10-29T08:00:00Z",
		"28d":                       "2025-10-02T12:00:00Z",
		"6h":                        "2025-10-30T06:00:00Z",
		"2w":                        "2025-10-16T12:00:00Z",
	} {
		m := moment{now: func() time.Time { return now }}
		if err := m.Set(text); err != nil || m.String() != want {
			t.Errorf("%s: %s, %v; want %s", text, m.String(), err, want)
		}
	}
	for _, text := range []string{"", "yesterday", "2025-13-01", "0", "-6h", "2025-10-29 10:00", "0001-01-01"} {
		m := moment{now: func() time.Time { return now }}
		if err := m.Set(text); err == nil {
			t.Errorf("%q: %v, want an error", text, m.Time)
		}
	}
}

func TestExpectationsAreInNormalForm(t *testing.T) {
	e := expectation{}
	for _, text := range []string{"Spec-Plan=Gemini, GPT-Pro,gemini", "review=claude"} {
		if err := e.Set(text); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(expectation{"plan": {"gemini", "gpt_pro"}, "audit": {"claude"}}, e); diff != "" {
		t.Error(diff)
	}
	for _, text := range []string{"", "plan", "plan=", "=gemini", "plan= , "} {
		if err := e.Set(text); err == nil {
			t.Errorf("%q: want an error", text)
		}
	}
}

func TestEveryFlagHasAVariable(t *testing.T) {
	c := newCLI(nil, devNull(t), devNull(t))
	root := c.root()
	cmd, _, err := root.Find([]string{"watch"})
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"CONSENSUSD_HOME":             "from the environment",
		"CONSENSUSD_MAX_BYTES":        "1KiB",
		"CONSENSUSD_EXPECT":           "plan=a,b;tasks=c",
		"CONSENSUSD_OBSERVE":          t.TempDir() + ":" + t.TempDir(),
		"CONSENSUSD_ASSEMBLE_TIMEOUT": "1d",
		"CONSENSUSD_RESCAN":           "1s",
		"CONSENSUSD_HTTP":             "",
	} {
		t.Setenv(name, value)
	}
	if err := cmd.ParseFlags([]string{"--rescan", "2s"}); err != nil {
		t.Fatal(err)
	}
	if err := c.readEnvironment(cmd); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Name != "observe" {
			got[f.Name] = f.Value.String()
		}
	})
	want := map[string]string{
		"home": "from the environment", "db": "", "json": "false", "quiet": "false", "no-color": "false",
		"max-bytes": "1024", "expect": "plan=a,b;tasks=c", "assemble-timeout": "1d", "settle": "30s", "rescan": "2s",
		"keep-done": "7d", "cleanup-every": "1d", "active-days": "30", "archive-days": "90", "quiet-days": "7", "backup-every": "1d", "backup-keep": "7d,4w,6m", "http": defaultAddress, "http-token-file": "",
	}
	delete(got, "help")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if observe := *cmd.Flags().Lookup("observe").Value.(*folders); len(observe) != 2 {
		t.Errorf("observe: %q", observe)
	}
	if !c.given("home") || !c.given("rescan") || c.given("http") {
		t.Error("which flags were given is not known")
	}
}
