package main_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const module = "github.com/consensusd/consensusd/"

// layers says who may import whom: cmd → serve, ingest → store → dbgen, schema.
var layers = map[string][]string{
	"cmd/consensusd": {"serve", "ingest", "store", "schema"},
	"cmd/bench":      {"ingest", "store", "store/postgrestest"},
	"cmd/torture":    {},
	"serve":          {"store", "schema"},
	"ingest":         {"store", "schema"},
	"store":          {"store/archive", "store/background", "dbgen/sqlite", "dbgen/postgres", "schema"},
	"store/archive":  {"store/background"},
	"dbgen/sqlite":   {"schema"},
	"dbgen/postgres": {"schema"},
	"schema":         {},

	"store/background":           {},
	"store/postgrestest":         {}, // servers for tests
	"store/postgrestest/cluster": {},
}

// reserved says which of our packages alone import those from elsewhere.
var reserved = map[string][]string{
	"github.com/fsnotify/fsnotify":  {"ingest"},
	"github.com/mattn/go-sqlite3":   {"store"},
	"github.com/jackc/pgx":          {"store", "store/postgrestest", "store/postgrestest/cluster"},
	"github.com/pressly/goose":      {"schema"},
	"modernc.org/sqlite":            nil,
	"github.com/ncruces/go-sqlite3": nil,
}

// A goPackage is what go list tells about a package, its tests left out.
type goPackage struct {
	ImportPath string
	Imports    []string
}

func TestLayersImportOneWay(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", "./...")
	cmd.Dir = "../.."
	cmd.Stderr = t.Output()
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var packages []goPackage
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
	if len(packages) < 4 {
		t.Errorf("go list found only %d packages", len(packages))
	}
	for _, v := range violations(packages) {
		t.Error(v)
	}
}

// violations returns what breaks the rules above.
func violations(packages []goPackage) (found []string) {
	for _, p := range packages {
		name := strings.TrimPrefix(p.ImportPath, module)
		allowed, known := layers[name]
		if !known {
			found = append(found, name+" has no layer")
			continue
		}
		for _, i := range p.Imports {
			if ours, ok := strings.CutPrefix(i, module); ok && !slices.Contains(allowed, ours) {
				found = append(found, fmt.Sprintf("%s imports %s", name, ours))
			}
			for path, owners := range reserved {
				if (i == path || strings.HasPrefix(i, path+"/")) && !slices.Contains(owners, name) {
					found = append(found, fmt.Sprintf("%s imports %s", name, i))
				}
			}
		}
	}
	return found
}

func TestLayersBrokenAreFound(t *testing.T) {
	of := func(name string, imports ...string) goPackage { return goPackage{module + name, imports} }
	got := violations([]goPackage{
		of("schema", "fmt"),
		of("store", "github.com/mattn/go-sqlite3", "github.com/jackc/pgx/v5/stdlib", module+"dbgen/sqlite"),
		of("store", module+"ingest"),
		of("schema", module+"store"),
		of("ingest", module+"dbgen/sqlite", "github.com/fsnotify/fsnotify", "github.com/mattn/go-sqlite3"),
		of("serve", module+"ingest", "github.com/fsnotify/fsnotify", "github.com/jackc/pgx/v5"),
		of("cmd/consensusd", module+"dbgen/sqlite", "github.com/pressly/goose/v3"),
		of("util"),
	})
	want := []string{
		"store imports ingest",
		"schema imports store",
		"ingest imports dbgen/sqlite", "ingest imports github.com/mattn/go-sqlite3",
		"serve imports ingest", "serve imports github.com/fsnotify/fsnotify", "serve imports github.com/jackc/pgx/v5",
		"cmd/consensusd imports dbgen/sqlite", "cmd/consensusd imports github.com/pressly/goose/v3",
		"util has no layer",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("violations (-want +got):\n%s", diff)
	}
}
