package torture

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A powerOp is one system call that succeeded and that matters to a disk. Paths
// are below the root of what is traced.
type powerOp struct {
	Kind     string // create, mkdir, write, truncate, sync, rename, link, remove or mark
	Path, To string
	Offset   int64 // of a write; the new size of a truncate
	Data     []byte
	Since    int // of a sync: how many operations had returned when it was called
}

// powerCalls are the system calls to trace: those that change files, and those
// that a disk must not miss if anybody came to use them.
const powerCalls = "open,openat,creat,write,pwrite64,writev,pwritev,pwritev2,truncate,ftruncate,fallocate,fsync,fdatasync," +
	"sync_file_range,sync,syncfs,rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,rmdir,mkdir,mkdirat,mmap"

// A powerTrace turns the output of strace -f -y -xx into operations.
type powerTrace struct {
	root  string
	marks string // the file whose lines are marks
	ops   []powerOp
	begun map[string]powerCall // by thread: unfinished calls
	at    map[string]int64     // offset of an open file, by its path and descriptor
}

type powerCall struct {
	text  string
	since int
}

func readPowerTrace(log io.Reader, root, marks string) ([]powerOp, error) {
	t := &powerTrace{root: root, marks: marks, begun: map[string]powerCall{}, at: map[string]int64{}}
	in := bufio.NewReaderSize(log, 1<<20)
	for n := 1; ; n++ {
		line, err := in.ReadString('\n')
		if errors.Is(err, io.EOF) {
			return t.ops, nil // what has no end did not happen
		}
		if err == nil {
			err = t.line(strings.TrimSuffix(line, "\n"))
		}
		if err != nil {
			return nil, fmt.Errorf("line %d of the trace: %w: %.300s", n, err, line)
		}
	}
}

// line takes one line: a call, the beginning of one that others came in between,
// its end, or a signal or exit, which are nothing to a disk.
func (t *powerTrace) line(line string) error {
	thread, text, _ := strings.Cut(line, " ")
	text = strings.TrimLeft(text, " ")
	since := len(t.ops)
	if before, unfinished := strings.CutSuffix(text, " <unfinished ...>"); unfinished {
		t.begun[thread] = powerCall{before, since}
		return nil
	}
	if strings.HasPrefix(text, "<... ") {
		_, rest, _ := strings.Cut(text, " resumed>")
		begun := t.begun[thread]
		delete(t.begun, thread)
		text, since = begun.text+rest, begun.since
	}
	end := strings.LastIndex(text, " = ")
	open := strings.IndexByte(text, '(')
	if end < 0 || open < 0 || strings.HasPrefix(text, "---") || strings.HasPrefix(text, "+++") {
		return nil
	}
	args, result := strings.TrimRight(text[:end], " "), text[end+3:]
	if strings.HasPrefix(result, "-1") || strings.HasPrefix(result, "?") || !strings.HasSuffix(args, ")") {
		return nil
	}
	op, err := t.call(text[:open], strings.Split(args[open+1:len(args)-1], ", "), result)
	if err != nil {
		return err
	}
	for _, o := range op {
		if filepath.IsAbs(o.Path) || filepath.IsAbs(o.To) {
			return fmt.Errorf("%w: over the border of %s", errPowerCall, t.root)
		}
		if !strings.HasSuffix(o.Path, "-shm") { // derived from the log whenever a database is opened
			o.Since = 0
			if o.Kind == "sync" {
				o.Since = since
			}
			t.ops = append(t.ops, o)
		}
	}
	return nil
}

var errPowerCall = errors.New("the model of a disk does not know this call")

// call returns what a call did below the root.
func (t *powerTrace) call(name string, args []string, result string) ([]powerOp, error) {
	arg := func(i int) string {
		if i < len(args) {
			return args[i]
		}
		return ""
	}
	switch name {
	case "open", "openat", "creat":
		return t.opened(name, args, result), nil
	case "write", "pwrite64":
		return t.written(name, args, result)
	case "ftruncate":
		size, err := strconv.ParseInt(arg(1), 10, 64)
		return t.of(powerOp{Kind: "truncate", Path: fileOf(arg(0)), Offset: size}), err
	case "fsync", "fdatasync":
		return t.of(powerOp{Kind: "sync", Path: fileOf(arg(0))}), nil
	case "mkdir", "rmdir", "unlink":
		return t.of(powerOp{Kind: map[string]string{"mkdir": "mkdir"}[name], Path: textOf(arg(0))}), nil
	case "mkdirat":
		return t.of(powerOp{Kind: "mkdir", Path: pathAt(arg(0), arg(1))}), nil
	case "unlinkat":
		return t.of(powerOp{Path: pathAt(arg(0), arg(1))}), nil
	case "rename", "link":
		return t.of(powerOp{Kind: name, Path: textOf(arg(0)), To: textOf(arg(1))}), nil
	case "renameat", "renameat2", "linkat":
		if strings.Contains(arg(4), "RENAME_EXCHANGE") {
			return nil, errPowerCall
		}
		return t.of(powerOp{Kind: name[:strings.Index(name, "at")], Path: pathAt(arg(0), arg(1)), To: pathAt(arg(2), arg(3))}), nil
	case "mmap":
		shared := strings.Contains(arg(2), "PROT_WRITE") && strings.Contains(arg(3), "MAP_SHARED")
		if path := fileOf(arg(4)); !shared || !t.below(path) || strings.HasSuffix(path, "-shm") {
			return nil, nil
		}
		return nil, errPowerCall
	case "sync":
		return nil, errPowerCall
	}
	for _, a := range args { // writev, fallocate and the like
		if path := max(fileOf(a), textOf(a)); t.below(path) && !strings.HasSuffix(path, "-shm") {
			return nil, errPowerCall
		}
	}
	return nil, nil
}

// opened is what opening did: perhaps it created the file, or emptied it.
func (t *powerTrace) opened(name string, args []string, result string) (ops []powerOp) {
	path := fileOf(result)
	descriptor, _, _ := strings.Cut(result, "<")
	t.at[path+"\x00"+descriptor] = 0
	flags := strings.Join(args[1:], " ")
	if name == "creat" {
		flags = "O_CREAT|O_TRUNC"
	}
	if strings.Contains(flags, "O_CREAT") {
		ops = append(ops, t.of(powerOp{Kind: "create", Path: path})...)
	}
	if strings.Contains(flags, "O_TRUNC") {
		ops = append(ops, t.of(powerOp{Kind: "truncate", Path: path})...)
	}
	return ops
}

func (t *powerTrace) written(name string, args []string, result string) ([]powerOp, error) {
	path := fileOf(args[0])
	if path != t.marks && !t.below(path) || strings.HasSuffix(path, "-shm") {
		return nil, nil
	}
	if strings.HasSuffix(args[0], "(deleted)") || strings.HasSuffix(args[1], "...") {
		return nil, errPowerCall
	}
	n, err := strconv.Atoi(result)
	data := []byte(textOf(args[1]))
	if err != nil || n > len(data) {
		return nil, fmt.Errorf("%w: it wrote %s bytes of %d", errPowerCall, result, len(data))
	}
	if path == t.marks {
		return []powerOp{{Kind: "mark", Path: strings.TrimSpace(string(data))}}, nil
	}
	op := powerOp{Kind: "write", Path: path, Data: data[:n]}
	if name == "pwrite64" {
		op.Offset, err = strconv.ParseInt(args[3], 10, 64)
		return t.of(op), err
	}
	descriptor, _, _ := strings.Cut(args[0], "<")
	key := path + "\x00" + descriptor
	op.Offset = t.at[key]
	t.at[key] += int64(n)
	return t.of(op), nil
}

func (t *powerTrace) below(path string) bool {
	return path == t.root || strings.HasPrefix(path, t.root+"/")
}

// of returns op with paths below the root, nothing when it is elsewhere.
func (t *powerTrace) of(op powerOp) []powerOp {
	if !t.below(op.Path) && !t.below(op.To) {
		return nil
	}
	if op.Kind == "" {
		op.Kind = "remove"
	}
	for _, p := range []*string{&op.Path, &op.To} {
		if t.below(*p) {
			*p = strings.TrimPrefix(strings.TrimPrefix(*p, t.root), "/")
		}
	}
	return []powerOp{op}
}

// textOf returns the string in an argument that is "\x61\x62…".
func textOf(arg string) string {
	quoted := strings.Trim(strings.TrimSuffix(arg, "..."), `"`)
	b, err := hex.DecodeString(strings.ReplaceAll(quoted, `\x`, ""))
	if err != nil {
		return ""
	}
	return string(b)
}

// fileOf returns the path in a descriptor that is 9<\x2f\x61…>.
func fileOf(arg string) string {
	_, rest, _ := strings.Cut(arg, "<")
	path, _, _ := strings.Cut(rest, ">")
	return textOf(path)
}

func pathAt(dir, arg string) string {
	path := textOf(arg)
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(fileOf(dir), path)
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
