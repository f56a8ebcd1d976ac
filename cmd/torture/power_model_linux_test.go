package torture

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPowerDiskPromisesNoMoreThanPOSIX(t *testing.T) {
	file := func(p string) powerOp { return powerOp{Kind: "create", Path: p} }
	write := func(p, s string) powerOp { return powerOp{Kind: "write", Path: p, Data: []byte(s)} }
	sync := func(p string) powerOp { return powerOp{Kind: "sync", Path: p, Since: 99} }
	move := func(p, q string) powerOp { return powerOp{Kind: "rename", Path: p, To: q} }
	dir := func(p string) powerOp { return powerOp{Kind: "mkdir", Path: p} }
	two := []powerOp{dir("a"), dir("b"), sync(""), file("a/f"), write("a/f", "x"), sync("a/f"), sync("a")}
	for name, c := range map[string]struct {
		ops                     []powerOp
		dropped, kept, nameless string
	}{
		"a name is not safe with its file":         {[]powerOp{file("f"), write("f", "x"), sync("f")}, "", "f=x", "f=x"},
		"bytes are not safe with their name":       {[]powerOp{file("f"), write("f", "x"), sync("")}, "f=", "f=x", "f="},
		"both are safe":                            {[]powerOp{file("f"), write("f", "x"), sync("f"), sync("")}, "f=x", "f=x", "f=x"},
		"a folder is not safe with what is in it":  {[]powerOp{dir("a"), file("a/f"), sync("a/f"), sync("a")}, "", "a/ a/f=", "a/ a/f="},
		"a rename can be undone":                   {append(two[:7:7], move("a/f", "b/f")), "a/ a/f=x b/", "a/ b/ b/f=x", "a/ b/ b/f=x"},
		"target first: both names":                 {append(two[:7:7], move("a/f", "b/f"), sync("b")), "a/ a/f=x b/ b/f=x", "a/ b/ b/f=x", "a/ b/ b/f=x"},
		"source alone: neither":                    {append(two[:7:7], move("a/f", "b/f"), sync("a")), "a/ b/", "a/ b/ b/f=x", "a/ b/ b/f=x"},
		"source alone, by another: the target":     {append(two[:7:7], powerOp{Kind: "rename", Path: "a/f", To: "b/f", Process: "1"}, sync("a")), "a/ b/ b/f=x", "a/ b/ b/f=x", "a/ b/ b/f=x"},
		"what is written later is not safe":        {[]powerOp{file("f"), sync(""), write("f", "x"), {Kind: "sync", Path: "f", Since: 2}}, "f=", "f=x", "f="},
		"an unlinked file may be back":             {[]powerOp{file("f"), sync(""), {Kind: "remove", Path: "f"}}, "f=", "", ""},
		"a file is cut":                            {[]powerOp{file("f"), write("f", "xyz"), {Kind: "truncate", Path: "f", Offset: 1}, sync("f"), sync("")}, "f=x", "f=x", "f=x"},
		"a name that is replaced is old or new":    {[]powerOp{file("f"), file("g"), write("g", "x"), sync("g"), sync(""), move("g", "f")}, "f= g=x", "f=x", "f=x"},
		"the longer of two writes reaches further": {[]powerOp{file("f"), sync(""), write("f", "xy"), write("f", "z")}, "f=", "f=zy", "f="},
	} {
		t.Run(name, func(t *testing.T) {
			d := newPowerDisk()
			for _, op := range c.ops {
				if err := d.apply(op); err != nil {
					t.Fatal(err)
				}
			}
			keeps := powerKeeps(nil, 0)
			for i, want := range []string{c.dropped, c.kept, c.nameless} {
				var got []string
				for p, b := range d.image(keeps[i]) {
					if !strings.HasSuffix(p, "/") {
						p += "=" + string(b)
					}
					got = append(got, p)
				}
				slices.Sort(got)
				if diff := cmp.Diff(want, strings.Join(got, " ")); diff != "" {
					t.Errorf("%s (-want +got):\n%s", keeps[i].name, diff)
				}
			}
		})
	}
}

// Pages are lost one by one, and a rename never loses its file.
func TestPowerDiskLosesAtRandom(t *testing.T) {
	seen := map[string]bool{}
	random := rand.New(rand.NewPCG(1, 2))
	page := bytes.Repeat([]byte("x"), powerPage)
	for range 200 {
		d := newPowerDisk()
		for _, op := range []powerOp{
			{Kind: "create", Path: "f"}, {Kind: "sync", Path: "", Since: 9}, {Kind: "write", Path: "f", Data: bytes.Repeat(page, 2)},
			{Kind: "rename", Path: "f", To: "g"},
		} {
			if err := d.apply(op); err != nil {
				t.Fatal(err)
			}
		}
		image := d.image(powerKeeps(random, 1)[4])
		f, atF := image["f"]
		g, atG := image["g"]
		b := max(string(f), string(g))
		if !atF && !atG {
			t.Fatal("the rename lost its file")
		}
		seen[fmt.Sprint(atF, atG)] = true
		seen[fmt.Sprint(len(b), strings.HasPrefix(b, "\x00"))] = true
	}
	want := map[string]bool{
		"true false": true, "true true": true, "false true": true,
		"0 false": true, "4096 false": true, "8192 false": true, "8192 true": true,
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("seen (-want +got):\n%s", diff)
	}
}

func TestPowerTraceIsUnderstood(t *testing.T) {
	x := func(s string) string {
		var b strings.Builder
		for _, c := range []byte(s) {
			fmt.Fprintf(&b, `\x%02x`, c)
		}
		return b.String()
	}
	q := func(s string) string { return `"` + x(s) + `"` }
	fd := func(n int, path string) string { return fmt.Sprintf("%d<%s>", n, x(path)) }
	log := []string{
		"6  clone3({flags=CLONE_VM|CLONE_THREAD|CLONE_SYSVSEM, stack=0x7f} => {parent_tid=[7]}, 88) = 7",
		"6  clone(child_stack=NULL, flags=CLONE_CHILD_SETTID|SIGCHLD, child_tidptr=0x7f) = 8",
		"7  mkdirat(AT_FDCWD<" + x("/r") + ">, " + q("a") + ", 0755) = 0",
		"7  openat(AT_FDCWD<" + x("/r") + ">, " + q("/r/a/f") + ", O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC, 0644) = " + fd(5, "/r/a/f"),
		"7  write(" + fd(5, "/r/a/f") + ", " + q("one") + ", 3) = 3",
		"8  fsync(" + fd(5, "/r/a/f") + " <unfinished ...>",
		"7  write(" + fd(5, "/r/a/f") + ", " + q("two") + ", 3 <unfinished ...>",
		"8  <... fsync resumed>)             = 0",
		"7  <... write resumed>)             = 3",
		"7  pwrite64(" + fd(5, "/r/a/f") + ", " + q("x") + ", 1, 4096) = 1",
		"7  pwrite64(" + fd(6, "/r/a/f-shm") + ", " + q("x") + ", 1, 4096) = 1",
		"7  --- SIGURG {si_signo=SIGURG, si_code=SI_TKILL} ---",
		"7  renameat2(AT_FDCWD<" + x("/r") + ">, " + q("a/f") + ", AT_FDCWD<" + x("/r") + ">, " + q("a/g") + ", RENAME_NOREPLACE) = 0",
		"7  renameat2(AT_FDCWD<" + x("/r") + ">, " + q("a/f") + ", AT_FDCWD<" + x("/r") + ">, " + q("a/g") + ", RENAME_NOREPLACE) = -1 EEXIST (File exists)",
		"7  write(" + fd(9, "/m") + ", " + q("done\n") + ", 5) = 5",
		"7  write(" + fd(9, "/elsewhere") + ", " + q("done\n") + ", 5) = 5",
		"7  ftruncate(" + fd(5, "/r/a/g") + ", 2) = 0",
		"7  unlink(" + q("/r/a/g") + ")      = 0",
		"7  fsync(" + fd(5, "/r/a/g") + " <unfinished ...>",
		"7  +++ killed by SIGKILL +++",
	}
	want := []powerOp{
		{Kind: "mkdir", Path: "a"}, {Kind: "create", Path: "a/f"}, {Kind: "truncate", Path: "a/f"},
		{Kind: "write", Path: "a/f", Data: []byte("one")},
		{Kind: "sync", Path: "a/f", Since: 4},
		{Kind: "write", Path: "a/f", Offset: 3, Data: []byte("two")},
		{Kind: "write", Path: "a/f", Offset: 4096, Data: []byte("x")},
		{Kind: "rename", Path: "a/f", To: "a/g"},
		{Kind: "mark", Path: "done"},
		{Kind: "truncate", Path: "a/g", Offset: 2}, {Kind: "remove", Path: "a/g"},
	}
	for i := range want {
		want[i].Process = "6"
	}
	want[4].Process = "8"
	got, err := readPowerTrace(strings.NewReader(strings.Join(log, "\n")+"\n"), "/r", "/m")
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("read %v (-want +got):\n%s", err, diff)
	}
	for _, unknown := range []string{
		"7  writev(" + fd(5, "/r/f") + ", [{iov_base=" + q("x") + ", iov_len=1}], 1) = 1",
		"7  write(" + fd(5, "/r/f") + ", " + q("on") + "..., 3) = 3",
		"7  pwrite64(" + fd(5, "/r/f") + "(deleted), " + q("one") + ", 3, 0) = 3",
		"7  sync() = 0",
		"7  mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_SHARED, " + fd(5, "/r/f") + ", 0) = 0x7f",
		"7  rename(" + q("/elsewhere/f") + ", " + q("/r/f") + ") = 0",
		"7  symlink(" + q("/r/f") + ", " + q("/r/g") + ") = 0",
	} {
		if ops, err := readPowerTrace(strings.NewReader(unknown+"\n"), "/r", "/m"); !errors.Is(err, errPowerCall) {
			t.Errorf("%s: %v, %v, want %v", unknown, ops, err, errPowerCall)
		}
	}
	if !slices.Contains(strings.Split(powerCalls, ","), "fsync") {
		t.Error("fsync is not traced")
	}
}
