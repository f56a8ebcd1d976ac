package torture

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
)

// A powerOp is one system call that succeeded and that matters to a disk. Paths
// are below the root of what is traced.
type powerOp struct {
	Kind     string // create, mkdir, write, truncate, sync, rename, link, remove or mark
	Path, To string
	Offset   int64 // of a write; the new size of a truncate
	Data     []byte
	Since    int // of a sync: how many operations had returned when it was called
	Process  string
}

// powerCalls are the system calls to trace: those that change files, and those
// that a disk must not miss if anybody came to use them.
const powerCalls = "open,openat,creat,write,pwrite64,writev,pwritev,pwritev2,truncate,ftruncate,fallocate,fsync,fdatasync," +
	"sync_file_range,sync,syncfs,rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,rmdir,mkdir,mkdirat,mmap,clone,clone3,fork,vfork"

// A powerTrace turns the output of strace -f -y -xx into operations.
type powerTrace struct {
	root  string
	marks string // the file whose lines are marks
	ops   []powerOp
	begun map[string]powerCall // by thread: unfinished calls
	at    map[string]int64     // offset of an open file, by its path and descriptor
	owner map[string]string    // by thread: the one that began it in the same process
}

type powerCall struct {
	text  string
	since int
}

func readPowerTrace(log io.Reader, root, marks string) ([]powerOp, error) {
	t := &powerTrace{root: root, marks: marks, begun: map[string]powerCall{}, at: map[string]int64{}, owner: map[string]string{}}
	in := bufio.NewReaderSize(log, 1<<20)
	for n := 1; ; n++ {
		line, err := in.ReadString('\n')
		if errors.Is(err, io.EOF) {
			for i := range t.ops {
				t.ops[i].Process = t.process(t.ops[i].Process)
			}
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
	if strings.Contains(args, "CLONE_THREAD") {
		t.owner[result] = thread
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
			o.Since, o.Process = 0, thread
			if o.Kind == "sync" {
				o.Since = since
			}
			t.ops = append(t.ops, o)
		}
	}
	return nil
}

// process returns the first thread of a thread's process.
func (t *powerTrace) process(thread string) string {
	for t.owner[thread] != "" {
		thread = t.owner[thread]
	}
	return thread
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
