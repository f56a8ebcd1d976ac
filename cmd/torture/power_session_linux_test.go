package torture

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// A powerDocument is one file that comes into the inbox, and what must become
// of it.
type powerDocument struct {
	Name     string // below the inbox; the base name is used once
	Data     string
	Put      bool // by consensusd put; else by a producer of this test
	Unsynced bool // its producer does not sync it: nothing is promised until it is recorded
	Rejected bool
	Retried  bool // by a person, which takes its reason away first

	Run, Agent, Content string // the answer in it
}

func powerAnswer(name, run, agent, content string) powerDocument {
	data := fmt.Sprintf(`{"run_id":%q,"spec_id":"SPEC-POWER-001","stage":"plan","timestamp":"2026-03-01T12:00:00Z",`+
		`"agents":[{"agent":%q,"content":%q}],"synthesis":{"content":"As %s says.","verdict":"unanimous"}}`, run, agent, content, agent)
	return powerDocument{Name: name, Data: data, Run: run, Agent: agent, Content: content}
}

// powerDocuments are all documents of a session, by what they are for.
func powerDocuments() map[string][]powerDocument {
	put := func(name, run string) powerDocument {
		d := powerAnswer(name, run, "claude", "Put as "+run+".")
		d.Put = true
		return d
	}
	written := func(name, run string) powerDocument { return powerAnswer(name, run, "gemini", "Written as "+run+".") }
	rejected := func(name, data string) powerDocument { return powerDocument{Name: name, Data: data, Rejected: true} }
	again := written("burst-1.json", "burst-1")
	again.Name = "again.json"
	contradiction := powerAnswer("contradiction.json", "burst-2", "gemini", "The contrary.")
	contradiction.Rejected = true
	amendment := powerDocument{
		Name: "amendment.json", Run: "burst-3", Agent: "gpt_pro", Content: "One more answer.",
		Data: `{"run_id":"burst-3","spec_id":"SPEC-POWER-001","stage":"plan","agent":"gpt_pro","content":"One more answer."}`,
	}
	unsynced := written("unsynced.json", "unsynced")
	unsynced.Unsynced = true
	retried := rejected("bad-4.json", `[]`)
	retried.Retried = true
	return map[string][]powerDocument{
		"before":        {put("first.json", "first"), put("consensus/SPEC-POWER-001/second.json", "second")},
		"burst":         {put("put-1.json", "put-1"), put("consensus/SPEC-POWER-001/put-2.json", "put-2"), written("burst-1.json", "burst-1"), written("burst-2.json", "burst-2"), written("new/folder/burst-3.json", "burst-3"), rejected("bad-1.json", `{"spec_id":"SPEC-POWER-001",,}`), rejected("new/bad-2.json", `{"spec_id":[1]}`)},
		"after":         {again, contradiction, amendment, unsynced},
		"large":         {powerAnswer("large.json", "large", "claude", strings.Repeat("Many pages, in one transaction. ", 4000))},
		"filling":       powerFilling(),
		"renewed":       {written("renewed-1.json", "renewed-1"), put("renewed-2.json", "renewed-2")},
		"killed":        {put("killed-1.json", "killed-1"), written("killed-2.json", "killed-2"), rejected("bad-3.json", `{}`)},
		"committed:1":   {put("committed-1.json", "committed-1"), written("committed-2.json", "committed-2")},
		"moved:2":       {put("moved-1.json", "moved-1"), written("moved-2.json", "moved-2")},
		"quarantined:1": {rejected("bad-5.json", `"quarantined"`)},
		"last":          {written("last-1.json", "last-1"), put("last-2.json", "last-2"), retried},
	}
}

// powerFilling are more documents than the log of the database holds before it
// is checkpointed beside the commits, and then begins anew.
func powerFilling() (documents []powerDocument) {
	for i := range 90 {
		run := fmt.Sprintf("filling-%02d", i)
		documents = append(documents, powerAnswer(run+".json", run, "claude", strings.Repeat("Fills the log. ", 2000)))
	}
	return documents
}

// A powerDriver lives the life of a home. It runs in a process that is traced
// with its children, so that all they do is in one log, in order.
type powerDriver struct {
	home  string
	marks *os.File
}

// The traced process is this test binary, told by its environment to be one.
func init() {
	dir := os.Getenv("POWER_SESSION")
	if dir == "" {
		return
	}
	if err := powerDrive(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func powerDrive(dir string) (err error) {
	d := &powerDriver{home: filepath.Join(dir, "disk", "new", "home")}
	if d.marks, err = os.OpenFile(filepath.Join(dir, "marks"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644); err != nil {
		return err
	}
	of := powerDocuments()
	if err := d.drop(of["before"]); err != nil {
		return err
	}
	stop, err := d.watch(of, "", "burst", "after", "large", "filling", "renewed")
	if err != nil {
		return err
	}
	if err := errors.Join(d.drop(of["killed"]), stop(syscall.SIGKILL)); err != nil {
		return err
	}
	for _, step := range []string{"committed:1", "moved:2", "quarantined:1"} {
		if err := d.drop(of[step]); err != nil {
			return err
		}
		if stop, err = d.watch(of, step); err != nil {
			return err
		}
		if err := stop(0); err != nil {
			return err
		}
	}
	if stop, err = d.watch(of, "", "last"); err != nil {
		return err
	}
	out, err := exec.Command(os.Getenv("POWER_BINARY"), "failed", "retry", "--home", d.home, "bad-4.json").CombinedOutput()
	if err = errors.Join(err, d.settled()); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return stop(syscall.SIGINT)
}

// watch starts a daemon that is to die at a step, and drops documents while it
// runs, group by group, each when the one before is recorded. stop ends it by a
// signal and waits for it, by itself when that is 0.
func (d *powerDriver) watch(of map[string][]powerDocument, step string, groups ...string) (stop func(syscall.Signal) error, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	cmd := exec.CommandContext(ctx, os.Getenv("POWER_BINARY"), "watch", "--home", d.home, "--http", "off", "--rescan", "100ms", "--settle", "0s")
	cmd.Env = append(os.Environ(), "CONSENSUSD_DIE_AT="+step)
	var out strings.Builder
	cmd.Stderr = &out
	if err := cmd.Start(); err != nil {
		cancel()
		return nil, err
	}
	stop = func(signal syscall.Signal) error {
		if signal != 0 {
			if err := cmd.Process.Signal(signal); err != nil {
				return err
			}
		}
		defer cancel()
		if err := cmd.Wait(); (err != nil) != (signal != syscall.SIGINT) || ctx.Err() != nil {
			return fmt.Errorf("watch that was to die at %q by %v: %w\n%s", step, signal, err, &out)
		}
		return nil
	}
	if step != "" {
		return stop, nil
	}
	for _, g := range append([]string{""}, groups...) {
		drop := d.drop
		if g == "filling" {
			drop = d.fill
		}
		if err = errors.Join(drop(of[g]), d.settled()); err != nil {
			return nil, errors.Join(err, stop(syscall.SIGKILL), errors.New(out.String()))
		}
	}
	return stop, nil
}

// settled waits until nothing is left in the inbox.
func (d *powerDriver) settled() error {
	for begin := time.Now(); time.Since(begin) < time.Minute; time.Sleep(5 * time.Millisecond) {
		var left int
		err := filepath.WalkDir(filepath.Join(d.home, "inbox"), func(_ string, e fs.DirEntry, err error) error {
			if err == nil && !e.IsDir() {
				left++
			}
			return err
		})
		if err == nil && left == 0 {
			return nil
		}
	}
	return errors.New("documents are still in the inbox after a minute")
}

// drop brings documents into the inbox one after another, and marks each that
// is there to stay.
func (d *powerDriver) drop(documents []powerDocument) error {
	for _, doc := range documents {
		into := d.produce
		if doc.Put {
			into = d.put
		}
		if err := into(doc); err != nil {
			return fmt.Errorf("%s: %w", doc.Name, err)
		}
		if doc.Unsynced {
			continue
		}
		if _, err := d.marks.WriteString(doc.Name + "\n"); err != nil {
			return err
		}
	}
	return nil
}

// fill drops documents one by one, a commit each, until the log of the database
// grows no more: it has begun anew.
func (d *powerDriver) fill(documents []powerDocument) error {
	var before int64
	for _, doc := range documents {
		if err := errors.Join(d.drop([]powerDocument{doc}), d.settled()); err != nil {
			return err
		}
		info, err := os.Stat(filepath.Join(d.home, "consensus.db-wal"))
		if err != nil || info.Size() == before {
			return err
		}
		before = info.Size()
	}
	return errors.New("the log grows and grows")
}

func (d *powerDriver) put(doc powerDocument) error {
	path := filepath.Join(os.Getenv("POWER_SESSION"), "sources", doc.Name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(doc.Data), 0o644)); err != nil {
		return err
	}
	out, err := exec.Command(os.Getenv("POWER_BINARY"), "put", "--home", d.home, path).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// produce does what a careful producer does: everything is synced before the
// document has its name, and then the name.
func (d *powerDriver) produce(doc powerDocument) error {
	path := filepath.Join(d.home, "inbox", doc.Name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	hidden := filepath.Join(filepath.Dir(path), "."+filepath.Base(path))
	f, err := os.Create(hidden)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.WriteString(doc.Data); err != nil {
		return err
	}
	if doc.Unsynced {
		return os.Rename(hidden, path)
	}
	if err := errors.Join(f.Sync(), os.Rename(hidden, path)); err != nil {
		return err
	}
	for dir := filepath.Dir(path); dir != d.home; dir = filepath.Dir(dir) {
		f, err := os.Open(dir)
		if err != nil {
			return err
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return err
		}
	}
	return nil
}
