package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mattn/go-sqlite3"
)

// Bounds of the log, in its frames of a page each.
const (
	// checkpointAfter is how much is committed before it is worth moving.
	checkpointAfter = 1024
	// reuseAfter is the size at which the log begins anew once all of it is moved:
	// a log that grows makes every commit change the file system too.
	reuseAfter = 4096
	// smallRest is what may be moved while the writer waits.
	smallRest = 128
	// longestLog is the size at which the writer waits whatever the rest.
	longestLog = 8192
)

// checkpointRetry is how soon a checkpoint is tried again that could not move
// everything, or failed.
const checkpointRetry = 100 * time.Millisecond

// A checkpointer moves what is committed from the log into the database while
// the writer goes on, so that no commit has to. The log's file grows once, and
// is used from its beginning again whenever all of it is moved; as long as a
// reader holds a snapshot it grows on. The writer waits for what little is left
// then, and for more of it only where the log has become long.
type checkpointer struct {
	own    *sql.DB // one connection
	writer *sql.DB
	commit chan struct{}         // holds a value after a commit
	failed atomic.Pointer[error] // why the last one failed
	close  func() error
}

// startCheckpointer begins. The checkpointer's close moves what it can for the
// last time, and ends.
func startCheckpointer(dsn string, writer *sql.DB) *checkpointer {
	ctx, stop := context.WithCancel(context.Background())
	c := &checkpointer{own: openWithoutCheckpoints(dsn), writer: writer, commit: make(chan struct{}, 1)}
	var running sync.WaitGroup
	running.Go(func() { c.run(ctx) })
	c.close = sync.OnceValue(func() error {
		stop()
		running.Wait()
		_, err := checkpoint(context.Background(), c.own, "PASSIVE")
		return errors.Join(err, c.own.Close())
	})
	return c
}

// committed tells that the log has grown. It does not wait.
func (c *checkpointer) committed() {
	select {
	case c.commit <- struct{}{}:
	default:
	}
}

// err is why the last checkpoint failed, nil when it did not.
func (c *checkpointer) err() error {
	if err := c.failed.Load(); err != nil {
		return fmt.Errorf("move the log into the database: %w", *err)
	}
	return nil
}

func (c *checkpointer) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.commit:
		}
		again, err := c.tend(ctx)
		if err != nil && ctx.Err() == nil {
			c.failed.Store(&err)
		} else {
			c.failed.Store(nil)
		}
		if (again || err != nil) && wait(ctx, checkpointRetry) {
			c.committed()
		}
	}
}

// tend moves what has gathered in the log. It reports whether it must try again
// though nothing is committed meanwhile.
func (c *checkpointer) tend(ctx context.Context) (again bool, err error) {
	log, err := checkpoint(ctx, c.own, "NOOP")
	if err != nil || log.rest() < checkpointAfter {
		return false, err
	}
	for before := 2 * log.rest(); log.rest() > smallRest && log.rest() < before; {
		before = log.rest()
		if log, err = checkpoint(ctx, c.own, "PASSIVE"); err != nil {
			return false, err
		}
		if log, err = checkpoint(ctx, c.own, "NOOP"); err != nil {
			return false, err
		}
	}
	if log.frames < reuseAfter || log.rest() > smallRest && log.frames < longestLog {
		return false, nil
	}
	log, err = c.finish(ctx)
	return log.rest() > 0, err
}

// finish moves the rest while the writer waits.
func (c *checkpointer) finish(ctx context.Context) (walState, error) {
	conn, err := c.writer.Conn(ctx)
	if err != nil {
		return walState{}, err
	}
	defer conn.Close()
	return checkpoint(ctx, conn, "PASSIVE")
}

// A walState tells how many frames the log has, and how many of them are moved.
type walState struct{ frames, moved int }

func (l walState) rest() int { return l.frames - l.moved }

// checkpoint moves as much of the log as can be without waiting for anybody;
// NOOP only looks. That somebody else is just at it is no error.
func checkpoint(ctx context.Context, db interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}, mode string) (l walState, err error) {
	var busy int
	err = db.QueryRowContext(ctx, "PRAGMA wal_checkpoint("+mode+")").Scan(&busy, &l.frames, &l.moved)
	var e sqlite3.Error
	if errors.As(err, &e) && (e.Code == sqlite3.ErrBusy || e.Code == sqlite3.ErrLocked) {
		return walState{}, nil
	}
	return l, err
}

// A connector opens connections that leave checkpoints to somebody else. DSNs
// cannot say so.
type connector struct {
	dsn    string
	driver *sqlite3.SQLiteDriver
}

func openWithoutCheckpoints(dsn string) *sql.DB {
	db := sql.OpenDB(connector{dsn, &sqlite3.SQLiteDriver{ConnectHook: func(conn *sqlite3.SQLiteConn) error {
		_, err := conn.Exec("PRAGMA wal_autocheckpoint = 0", nil)
		return err
	}}})
	db.SetMaxOpenConns(1)
	return db
}

func (c connector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.dsn) }

func (c connector) Driver() driver.Driver { return c.driver }
