package torture

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A folder whose name a power loss can take away again keeps nothing that is in it.
func TestTheFolderOfAnArchiveOrBackupIsSafeBeforeAnythingRelies(t *testing.T) {
	needStrace(t)
	for command, test := range map[string]struct {
		folder string
		relies func(powerOp) bool
	}{
		"cleanup": {"my home/archive", func(op powerOp) bool { // rows are deleted
			return op.Kind == "write" && op.Path == "my home/consensus.db-wal"
		}},
		"backup": {"my home/backups", func(op powerOp) bool { // it gets its name
			return op.Kind == "rename" && strings.HasPrefix(op.To, "my home/backups/2")
		}},
	} {
		t.Run(command, func(t *testing.T) {
			l := newLife(t)
			l.home = filepath.Join(t.TempDir(), "disk", "my home")
			l.drop("run-1", "SPEC-1", "2025-01-10", "Cart first.")
			l.run("ingest")
			root, err := filepath.EvalSymlinks(filepath.Dir(l.home))
			if err != nil {
				t.Fatal(err)
			}
			ops, err := tracePower(t.TempDir(), root, nil, binary, command, "--home", filepath.Join(root, "my home"))
			if err != nil {
				t.Fatal(err)
			}
			made := slices.IndexFunc(ops, func(op powerOp) bool { return op.Kind == "mkdir" && op.Path == test.folder })
			if made < 0 {
				t.Fatalf("%s makes no %s", command, test.folder)
			}
			safe := slices.IndexFunc(ops[made:], func(op powerOp) bool { return op.Kind == "sync" && op.Path == "my home" })
			relies := slices.IndexFunc(ops[made:], test.relies)
			if relies < 0 || safe < 0 || safe > relies {
				t.Errorf("%s is made, safe %d operations after that, and relied on %d after it", test.folder, safe, relies)
			}
			if _, err := os.Stat(filepath.Join(root, test.folder)); err != nil {
				t.Error(err)
			}
		})
	}
}
