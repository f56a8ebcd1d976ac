package torture

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// A killProducer is one agent that drops files, in a manner of its own, until it
// is told to stop. It finishes what it has begun.
type killProducer struct {
	t      *testing.T
	ctx    context.Context
	home   string
	name   string
	rng    *rand.Rand
	ledger *killLedger
	full   *atomic.Bool // the inbox
	n      int          // of its documents
}

// killProducers are the manners of producers, good and bad.
var killProducers = map[string]func(*killProducer){
	"staged":     (*killProducer).staged,
	"slow":       (*killProducer).slow,
	"renamed":    (*killProducer).renamedOver,
	"in-place":   (*killProducer).overwrittenInPlace,
	"folders":    (*killProducer).inFolders,
	"parts":      (*killProducer).inParts,
	"rejected":   (*killProducer).rejected,
	"duplicated": (*killProducer).duplicated,
}

// again waits a few milliseconds, or longer while the inbox is full, and reports
// whether to go on.
func (p *killProducer) again() bool {
	p.pause(5 + p.rng.IntN(20))
	for p.full.Load() && p.ctx.Err() == nil {
		p.pause(100)
	}
	return p.ctx.Err() == nil && !p.t.Failed()
}

// pause is the time that an agent takes between two writes.
func (p *killProducer) pause(milliseconds int) {
	select {
	case <-time.After(time.Duration(milliseconds) * time.Millisecond):
	case <-p.ctx.Done():
	}
}

// check ends the producer, and the test, on an error.
func (p *killProducer) check(err error) {
	if err != nil {
		p.t.Errorf("producer %s: %v", p.name, err)
		runtime.Goexit()
	}
}

// text is an answer that no other is like, mostly short.
func (p *killProducer) text() string {
	p.n++
	length := p.rng.IntN(200)
	if p.rng.IntN(20) == 0 {
		length *= 100
	}
	return fmt.Sprintf("%s %d\n\t„%s“ \\ \"%d\"", p.name, p.n, strings.Repeat("wörter ", length), p.rng.Uint64())
}

// document is a whole run of its own.
func (p *killProducer) document() *killVersion {
	v := killVersion{answers: []killAnswer{{"claude", p.text()}, {"gemini", p.text()}}}
	d := map[string]any{
		"spec_id": "SPEC-7", "stage": "plan", "timestamp": "2026-03-01T10:00:00Z", "consensus_ok": true,
		"agents": []map[string]string{
			{"agent": v.answers[0].agent, "content": v.answers[0].content},
			{"agent": v.answers[1].agent, "content": v.answers[1].content},
		},
	}
	if p.rng.IntN(4) > 0 {
		v.runID = fmt.Sprintf("%s-%d", p.name, p.n)
		d["run_id"] = v.runID
	}
	v.text = killJSON(p.t, d)
	return p.note(v)
}

// note enters a version of this producer's in the ledger.
func (p *killProducer) note(v killVersion) *killVersion {
	v.by = p.name
	return p.ledger.note(v)
}

func (p *killProducer) inbox(name string) string { return filepath.Join(p.home, "inbox", name) }

// stage writes v where nobody looks. The file stays open, as its producer's
// proof of what became of it.
func (p *killProducer) stage(v *killVersion) *os.File {
	f, err := os.CreateTemp(filepath.Join(p.home, "staging"), p.name)
	p.check(err)
	_, err = f.Write(v.text)
	p.check(err)
	return f
}

// drop renames v into the inbox, to a path where nothing is.
func (p *killProducer) drop(v *killVersion, path string) {
	f := p.stage(v)
	p.check(f.Close())
	p.check(os.Rename(f.Name(), path))
	p.ledger.left(v)
}

func (p *killProducer) staged() {
	for p.again() {
		v := p.document()
		p.drop(v, p.inbox(fmt.Sprintf("staged-%d.json", p.n)))
	}
}

// write writes v to f in pieces, with pauses, and closes it.
func (p *killProducer) write(f *os.File, v *killVersion) {
	begin := time.Now()
	const pieces = 3
	for i := range pieces {
		_, err := f.Write(v.text[len(v.text)*i/pieces : len(v.text)*(i+1)/pieces])
		p.check(err)
		if i < pieces-1 {
			p.pause(p.rng.IntN(20))
		}
	}
	p.check(f.Close())
	if time.Since(begin) > killSettle/2 {
		p.ledger.late(v)
	}
}

func (p *killProducer) slow() {
	for p.again() {
		v := p.document()
		f, err := os.OpenFile(p.inbox(fmt.Sprintf("slow-%d.json", p.n)), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		p.check(err)
		p.ledger.left(v)
		p.write(f, v)
	}
}

// renamedOver renames one version over the other, now and then many in a row. The
// one before is gone, if it was still there: its file then has no name any more.
func (p *killProducer) renamedOver() {
	var last *killVersion
	var lastFile *os.File
	for p.n%40 < 20 && !p.full.Load() && p.ctx.Err() == nil && !p.t.Failed() || p.again() {
		v := p.document()
		f := p.stage(v)
		p.check(os.Rename(f.Name(), p.inbox("latest.json")))
		p.ledger.left(v)
		if last != nil {
			info, err := lastFile.Stat()
			p.check(err)
			if info.Sys().(*syscall.Stat_t).Nlink == 0 {
				p.ledger.replaced(last)
			}
			p.check(lastFile.Close())
		}
		last, lastFile = v, f
	}
	if lastFile != nil {
		p.check(lastFile.Close())
	}
}

// overwrittenInPlace truncates its file and writes it anew. When it was moved
// away just as it was opened, it puts back what was in it, for nobody could tell
// any more that it changed, and begins a file of its own.
func (p *killProducer) overwrittenInPlace() {
	path := p.inbox("status.json")
	var last *killVersion
	for p.again() {
		v := p.document()
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
		if err == nil && !killStandsAt(f, path) {
			_, err = f.Write(last.text)
			p.check(errors.Join(err, f.Close()))
			f, err = os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
		}
		switch {
		case errors.Is(err, fs.ErrNotExist):
			f, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
			p.check(err)
			p.ledger.left(v)
		default:
			p.check(err)
			p.ledger.overwritten(last, v)
		}
		p.write(f, v)
		last = v
	}
}

// killStandsAt reports whether f is the file at path.
func killStandsAt(f *os.File, path string) bool {
	is, err := f.Stat()
	if err != nil {
		return false
	}
	at, err := os.Lstat(path)
	return err == nil && os.SameFile(is, at)
}

// inFolders uses folders that come and go.
func (p *killProducer) inFolders() {
	for p.again() {
		top := p.inbox(fmt.Sprintf("job-%d", p.n))
		folder := filepath.Join(top, "a", "b")
		p.check(os.MkdirAll(folder, 0o755))
		p.pause(p.rng.IntN(5))
		for i := range 1 + p.rng.IntN(3) {
			p.drop(p.document(), filepath.Join(folder, fmt.Sprintf("%d.json", i)))
		}
		p.drop(p.document(), filepath.Join(top, "top.json"))
		p.removeEmpty()
	}
	p.removeEmpty()
}

// removeEmpty removes the folders that are empty.
func (p *killProducer) removeEmpty() {
	tops, err := filepath.Glob(p.inbox("job-*"))
	p.check(err)
	for _, top := range tops {
		for _, dir := range []string{"a/b", "a", "."} {
			if err := os.Remove(filepath.Join(top, dir)); err != nil && !errors.Is(err, syscall.ENOTEMPTY) && !errors.Is(err, fs.ErrNotExist) {
				p.check(err)
			}
		}
	}
}
