package postgrestest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// patience is how long a server may take to start, or to obey a signal.
const patience = 30 * time.Second

// A process is a program that ends with the test process, on Linux.
type process struct {
	cmd   *exec.Cmd
	log   string        // the file of its output
	ended chan struct{} // closed when it has
	err   error         // how it ended, once it has
}

// starter runs functions on a thread that lives as long as the test process:
// the signal at the parent's death comes when the thread ends that started the
// child.
var starter = sync.OnceValue(func() chan<- func() {
	functions := make(chan func())
	go func() {
		runtime.LockOSThread()
		for f := range functions {
			f()
		}
	}()
	return functions
})

// launch starts a program in the folder, as its owner. It gets the signal when
// the test process dies.
func (f *folder) launch(atDeath syscall.Signal, program string, args ...string) (*process, error) {
	path := filepath.Join(f.path, filepath.Base(program)+".log")
	log, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p := &process{cmd: exec.Command(program, args...), log: path, ended: make(chan struct{})}
	p.cmd.Dir = f.path
	p.cmd.Env = append(environment(), "LC_ALL=C")
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.ExtraFiles = []*os.File{f.inUse}
	p.cmd.SysProcAttr = attributes(f.owner, atDeath)
	started := make(chan error)
	starter() <- func() { started <- p.cmd.Start() }
	if err := <-started; err != nil {
		return nil, err
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// environment returns the variables of the test process without those that
// PostgreSQL reads.
func environment() (kept []string) {
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "PG") {
			kept = append(kept, variable)
		}
	}
	return kept
}

// answers waits until a session can be opened at the URL, or the process ends:
// then the error is an [exec.ExitError].
func (p *process) answers(url string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	go func() {
		select {
		case <-p.ended:
			cancel() // Somebody else at the port may keep us waiting.
		case <-ctx.Done():
		}
	}()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := pgconn.Connect(ctx, url)
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-tick.C:
			continue
		case <-ctx.Done():
		}
		select {
		case <-p.ended:
			return p.failure(p.err)
		default:
			return p.failure(err)
		}
	}
}

// end sends the signals one after the other until the process has ended.
func (p *process) end(signals ...syscall.Signal) {
	for _, signal := range signals {
		_ = p.cmd.Process.Signal(signal) // It fails when the process has ended.
		select {
		case <-p.ended:
			return
		case <-time.After(patience):
		}
	}
	<-p.ended
}

// failure adds the end of what the process said.
func (p *process) failure(err error) error {
	const enough = 4000
	log, _ := os.ReadFile(p.log)
	return fmt.Errorf("%s: %w\n%s", filepath.Base(p.cmd.Path), err, log[max(0, len(log)-enough):])
}
