package archive

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// long is a record that fills a block, and compresses to nearly nothing.
var long = Line{"long", []byte(`{"run":"long","content":"` + strings.Repeat("the stage ", blockBytes/10) + `"}`)}

// testdata/format-1.zst was written when there was no other format, of a full
// block packed quickly and one of two short records; short.zst has these alone,
// packed as hard as possible. Whatever is written since, both stay readable.
func TestFilesOfTheFirstFormatStayReadable(t *testing.T) {
	first, second, new := record("1", 300), record("2", 30), record("3", 3)
	want := map[string]string{first.RunID: string(first.Data), second.RunID: string(second.Data)}
	for _, name := range []string{"short.zst", "format-1.zst"} {
		if name == "format-1.zst" {
			want[long.RunID] = string(long.Data)
		}
		written := filepath.Join("testdata", name)
		if diff := cmp.Diff(want, contentOf(t, written)); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
		b, err := os.ReadFile(written)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		rewrite(t, path, all, new)
		more := maps.Clone(want)
		more[new.RunID] = string(new.Data)
		if diff := cmp.Diff(more, contentOf(t, path)); diff != "" {
			t.Errorf("%s, with a run more:\n%s", name, diff)
		}
	}
}
