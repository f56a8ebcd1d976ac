package main

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/types"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/go/packages"

	"github.com/consensusd/consensusd/store"
)

// The tables of codes that programs rely on, and where the program makes a value
// that has one of them: by the type of the value, and where that is not enough by
// its file.
var codeTables = []struct {
	doc, heading string
	kinds        []string
	files        []string // nil is any
}{
	{"guarantees.md", "| code | what is wrong |", []string{"store.Problem"}, []string{
		"store/verify.go", "store/archive_verify.go", "store/backup_compare.go", "store/backup_verify.go",
		"ingest/rejudge.go", "ingest/verify_file.go", "ingest/verify_files.go",
	}},
	{"guarantees.md", "| code | what differs |", []string{"store.Problem"}, []string{"store/compare.go", "cmd/consensusd/replay.go"}},
	{"codes.md", "| code | what copy could not do |", []string{"store.Problem"}, []string{"store/copy.go", "store/restore.go"}},
	{"documents.md", "| code | why |", []string{"ingest.Rejection", "store.RefusedError"}, nil},
	{"codes.md", "| code | exit status | what failed |", []string{"main.failure"}, nil},
	{"codes.md", "| code | why HTTP refuses |", []string{"serve.Error"}, []string{"serve/serve.go", "serve/listen.go"}},
}

// What the documents say that programs can rely on is what the program says, no
// more and no less.
func TestTheDocumentsListEveryCode(t *testing.T) {
	made := codesMade(t)
	for at, codes := range made {
		if at.kind == "store.RefusedError" {
			delete(codes, store.CodeDamaged) // nothing is rejected for it: the documents wait
		}
	}
	for _, table := range codeTables {
		got := map[string]bool{}
		for at, codes := range made {
			if slices.Contains(table.kinds, at.kind) && (table.files == nil || slices.Contains(table.files, at.file)) {
				maps.Copy(got, codes)
				delete(made, at)
			}
		}
		want := tableCodes(t, table.doc, table.heading)
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(got))); diff != "" {
			t.Errorf("docs/%s, %s (-documented +made):\n%s", table.doc, table.heading, diff)
		}
	}
	for at, codes := range made {
		if at.kind != "serve.Error" { // elsewhere it passes on what others have made
			t.Errorf("%s makes a %s with the codes %v, and no table lists them", at.file, at.kind, slices.Sorted(maps.Keys(codes)))
		}
	}
}

var codeCell = regexp.MustCompile("`([a-z0-9_]+)`")

// tableCodes returns the codes in the first column of the table under that
// heading, with the second where that is the exit status.
func tableCodes(t *testing.T, doc, heading string) (codes []string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../../docs", doc))
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(b), heading+"\n")
	if !found {
		t.Fatalf("docs/%s has no table %q", doc, heading)
	}
	table, _, _ = strings.Cut(table, "\n\n")
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		for _, m := range codeCell.FindAllStringSubmatch(cells[1], -1) {
			code := m[1]
			if strings.HasPrefix(heading, "| code | exit status |") {
				code += " " + strings.TrimSpace(cells[2])
			}
			codes = append(codes, code)
		}
	}
	return slices.Sorted(slices.Values(codes))
}

// A codeSource is a type with a code, and a file that makes values of it.
type codeSource struct{ kind, file string }

// codesMade are the codes that the program's sources give to values.
func codesMade(t *testing.T) map[codeSource]map[string]bool {
	t.Helper()
	all, err := packages.Load(&packages.Config{
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo | packages.NeedImports | packages.NeedExportFile,
		Dir:  "../..",
	}, "./store", "./ingest", "./serve", "./cmd/consensusd")
	if err != nil || packages.PrintErrors(all) > 0 {
		t.Fatal(err)
	}
	made := map[codeSource]map[string]bool{}
	for _, p := range all {
		r := codeReader{t: t, p: p, made: made}
		for _, f := range p.Syntax {
			r.read(f)
		}
	}
	return made
}

// A codeReader finds the codes in one package.
type codeReader struct {
	t    *testing.T
	p    *packages.Package
	made map[codeSource]map[string]bool
	file *ast.File
}

// read finds what a file says of codes: a literal has one, or a field is set.
func (r *codeReader) read(f *ast.File) {
	r.file = f
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CompositeLit:
			kind := r.kind(r.p.TypesInfo.TypeOf(n))
			if kind == "" || len(n.Elts) == 0 {
				break
			}
			var exit string
			if e := r.member(n, "exit"); e != nil {
				exit = " " + r.p.TypesInfo.Types[e].Value.String()
			}
			r.note(kind, exit, r.member(n, "code"), 0)
		case *ast.AssignStmt:
			for i, to := range n.Lhs {
				s, ok := to.(*ast.SelectorExpr)
				if !ok || !strings.EqualFold(s.Sel.Name, "code") {
					continue
				}
				if kind := r.kind(r.p.TypesInfo.TypeOf(s.X)); kind != "" {
					r.note(kind, "", n.Rhs[i], 0)
				}
			}
		}
		return true
	})
}

// kind names a type that has codes, "" any other.
func (r *codeReader) kind(t types.Type) string {
	if p, ok := t.(*types.Pointer); ok {
		t = p.Elem()
	}
	n, ok := t.(*types.Named)
	if !ok || n.Obj().Pkg() == nil {
		return ""
	}
	kind := n.Obj().Pkg().Name() + "." + n.Obj().Name()
	for _, table := range codeTables {
		if slices.Contains(table.kinds, kind) {
			return kind
		}
	}
	return ""
}

// member is the value that a literal gives to a field, nil when to none.
func (r *codeReader) member(lit *ast.CompositeLit, name string) ast.Expr {
	t := r.p.TypesInfo.TypeOf(lit).Underlying()
	if p, ok := t.(*types.Pointer); ok {
		t = p.Elem().Underlying()
	}
	s := t.(*types.Struct)
	for i, e := range lit.Elts {
		field := s.Field(i).Name()
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			field, e = kv.Key.(*ast.Ident).Name, kv.Value
		}
		if strings.EqualFold(field, name) {
			return e
		}
	}
	return nil
}

// note notes the codes that an expression can be. One that is passed on from
// another value was made there.
func (r *codeReader) note(kind, exit string, code ast.Expr, depth int) {
	at := codeSource{kind, r.fileOf(r.file)}
	if code == nil || depth > 3 {
		r.t.Errorf("%s makes a %s whose code cannot be told", at.file, kind)
		return
	}
	if v := r.p.TypesInfo.Types[code].Value; v != nil {
		if r.made[at] == nil {
			r.made[at] = map[string]bool{}
		}
		r.made[at][constant.StringVal(v)+exit] = true
		return
	}
	if s, ok := code.(*ast.SelectorExpr); ok && strings.EqualFold(s.Sel.Name, "code") {
		return
	}
	id, ok := code.(*ast.Ident)
	if !ok {
		r.t.Errorf("%s makes a %s whose code cannot be told: %s", at.file, kind, r.p.Fset.Position(code.Pos()))
		return
	}
	values := r.values(r.p.TypesInfo.Uses[id])
	if len(values) == 0 {
		r.t.Errorf("%s makes a %s of a code that nobody gives: %s", at.file, kind, r.p.Fset.Position(code.Pos()))
	}
	for _, v := range values {
		r.note(kind, exit, v, depth+1)
	}
}

// values are what a variable is set to, and what a parameter is called with.
func (r *codeReader) values(variable types.Object) (values []ast.Expr) {
	for _, f := range r.p.Syntax {
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				for i, to := range n.Lhs {
					id, ok := to.(*ast.Ident)
					if ok && len(n.Lhs) == len(n.Rhs) && (r.p.TypesInfo.Defs[id] == variable || r.p.TypesInfo.Uses[id] == variable) {
						values = append(values, n.Rhs[i])
					}
				}
			case *ast.CallExpr:
				called, ok := types.Unalias(r.p.TypesInfo.TypeOf(n.Fun)).(*types.Signature)
				if !ok {
					break
				}
				for i := range called.Params().Len() {
					if called.Params().At(i) == variable {
						values = append(values, n.Args[i])
					}
				}
			}
			return true
		})
	}
	return values
}

// fileOf is the path of a file in the module.
func (r *codeReader) fileOf(f *ast.File) string {
	path := r.p.Fset.Position(f.Pos()).Filename
	return fmt.Sprintf("%s/%s", strings.TrimPrefix(r.p.PkgPath, "github.com/consensusd/consensusd/"), filepath.Base(path))
}
