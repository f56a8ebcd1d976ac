package ingest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTheDocsListEveryFinding(t *testing.T) {
	findings := constants(t, "document.go", "find")
	if diff := cmp.Diff(sorted(findings), tableCodes(t, "../docs/judging.md", "| code | what was noticed |")); diff != "" {
		t.Errorf("docs/judging.md:\n%s", diff)
	}
}

func sorted(s []string) []string { return slices.Sorted(slices.Values(s)) }

// constants returns the values of a file's string constants whose names begin
// with prefix.
func constants(t *testing.T, file, prefix string) (values []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(v.Names[0].Name, prefix) || len(v.Values) == 0 {
			return true
		}
		if lit, ok := v.Values[0].(*ast.BasicLit); ok && lit.Kind == token.STRING {
			s, err := strconv.Unquote(lit.Value)
			if err != nil {
				t.Fatal(err)
			}
			values = append(values, s)
		}
		return true
	})
	return values
}

var codeCell = regexp.MustCompile("(?m)^\\| `([a-z0-9_]+)` \\|")

// tableCodes returns the first column of the table under that heading.
func tableCodes(t *testing.T, file, heading string) (codes []string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(b), heading)
	if !found {
		t.Fatalf("%s has no table %q", file, heading)
	}
	table, _, _ = strings.Cut(table, "\n\n")
	for _, m := range codeCell.FindAllStringSubmatch(table, -1) {
		codes = append(codes, m[1])
	}
	return sorted(codes)
}
