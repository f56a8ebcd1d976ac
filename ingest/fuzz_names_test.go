package ingest

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// hostileNames are what somebody might try as an id, an agent or a file.
var hostileNames = []string{
	"", ".", "..", "../..", "../../etc/passwd", "/etc/passwd", "-rf", "--help", ".hidden", "~root", "CON", "nul.json", "a/b", `a\b`, "a\x00b", "a\nb",
	"\x1b[2J", "\u202egnp.exe", "\u2028", "a b", " a ", "\ufeff", "<script>", "'; DROP TABLE receipts; --", "%2e%2e%2f", "a.reason.json", "SPEC-1~abc.json",
	"a.reason.json/x.json", strings.Repeat("a", 230) + ".reason.json", "spec-plan_2026-03-01T10_00_00Z_" + strings.Repeat("a", 200) + ".json",
	strings.Repeat("~", 250) + ".a",
	strings.Repeat("x", 10_000), strings.Repeat("é", 300), "a" + strings.Repeat("\u0301", 500), "\xff\xfe", strings.Repeat("\x98", 240) + ".json",
}

func FuzzIdentifier(f *testing.F) {
	for _, s := range hostileNames {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if a := agentName(s); agentName(a) != a {
			t.Errorf("agent %q, then %q", a, agentName(a))
		}
		if st := stageName(s); stageName(st) != st {
			t.Errorf("stage %q, then %q", st, stageName(st))
		}
		if badIdentifier(s) != "" {
			return
		}
		if len(s) > maxIdentifier || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) || strings.ContainsAny(s, "\u202e\u2066\u2028") {
			t.Errorf("%q is taken for an id", s)
		}
	})
}

func FuzzPlaceOfAFile(f *testing.F) {
	for i, s := range hostileNames {
		f.Add(s, i)
		f.Add(s, 0) // as its first name
	}
	home := Home(f.TempDir())
	if err := home.Create(); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, name string, try int) {
		if path, err := home.failedPath(name); err == nil && !strings.HasPrefix(path, home.Failed()+"/") {
			t.Errorf("%q is %s", name, path)
		}
		if !filepath.IsLocal(name) || strings.Contains(name, "\x00") || name != filepath.Clean(name) {
			return // no scan finds it
		}
		if slices.ContainsFunc(strings.Split(name, "/"), isTemporary) {
			return // nor that
		}
		sha256 := strings.Repeat("ab", 32)
		isPlace(t, name, alternative(name, sha256, try&7, maxName), maxName)
		isPlace(t, name, alternative(name, sha256, try&7, maxFailedName), maxFailedName)
		failed := home.freeFailure(name, sha256)
		isPlace(t, name, failed, maxFailedName)
		if slices.ContainsFunc(strings.Split(failed, "/"), isReasonName) {
			t.Errorf("%q fails as %q, like a reason", name, failed)
		}
	})
}

// isPlace checks that a file called name is found again at to.
func isPlace(t *testing.T, name, to string, limit int) {
	if !filepath.IsLocal(to) {
		t.Errorf("%q goes to %q", name, to)
	}
	if slices.ContainsFunc(strings.Split(to, "/"), isTemporary) {
		t.Errorf("%q is hidden as %q", name, to)
	}
	base := filepath.Base(to)
	if len(base) > limit {
		t.Errorf("a name of %d bytes", len(base))
	}
	if whole := filepath.Base(name); len(whole) <= limit && parseName(whole) != parseName(base) && !isReasonName(whole) {
		t.Errorf("%q says something else as %q", whole, base)
	}
}

func FuzzCheck(f *testing.F) {
	for i, d := range documentFixtures(f) {
		f.Add([]byte(d.text), d.path)
		f.Add([]byte(d.text), "/"+hostileNames[i%len(hostileNames)]+"/"+hostileNames[(i+7)%len(hostileNames)])
	}
	f.Fuzz(func(t *testing.T, data []byte, path string) {
		c, r := Check(path, data, 1<<20)
		if r != nil {
			wellSaid(t, r)
			return
		}
		base := filepath.Base(c.Name)
		if !filepath.IsLocal(c.Name) || isTemporary(base) || !isDocumentName(base, inboxPlace) {
			t.Errorf("%q goes to %q", path, c.Name)
		}
		for dir := filepath.Dir(c.Name); dir != "."; dir = filepath.Dir(dir) {
			if isTemporary(filepath.Base(dir)) {
				t.Errorf("%q goes to %q, where nobody looks", path, c.Name)
			}
		}
		for _, id := range append(c.Agents, c.SpecID, c.Stage, c.RunID) {
			if badIdentifier(id) != "" {
				t.Errorf("%q is an id", id)
			}
		}
		if d, r := readDocument(data, originOf(filepath.Join("/inbox", c.Name), c.Name, noon, noon)); r != nil || d.Spec != c.SpecID || d.Stage != c.Stage {
			t.Errorf("%q is another document at %q: %v", path, c.Name, r)
		}
	})
}
