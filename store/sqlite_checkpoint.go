package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mattn/go-sqlite3"
)

// Bounds of the log, in its frames of a page each.
const (
	// smallRest is what the writer moves itself for that.
	smallRest = 128
	// longestLog is the size at which the writer waits, and moves whatever is left.
	longestLog = 8192
)

// frameBytes is what a frame takes in the log.
const frameBytes = 4096 + 24

// checkpointRetry is how soon a checkpoint that failed is tried again.
const checkpointRetry = 100 * time.Millisecond

// A checkpointer moves what is committed from the log into the database while
// the writer goes on, so that hardly any commit has to. The log's file grows
// once, and is used from its beginning again whenever all of it is moved: the
// writer does the last of it, when it is little or the log has become long. As
// long as a reader holds a snapshot nothing beyond that is moved, and the log
// grows.
type checkpointer struct {
	own    *sql.DB               // one connection
	commit chan struct{}         // holds a value after a commit
	moving sync.Mutex            // held by who moves something
	failed atomic.Pointer[error] // why the last checkpoint failed
	close  func() error
}

// startCheckpointer begins. The checkpointer's close moves what it can for the
// last time, and ends.
func startCheckpointer(dsn string) *checkpointer {
	ctx, stop := context.WithCancel(context.Background())
	c := &checkpointer{own: openWithoutCheckpoints(dsn), commit: make(chan struct{}, 1)}
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

// committed is called by the writer after a commit over conn.
func (c *checkpointer) committed(ctx context.Context, conn *sql.Conn) {
	log, err := checkpoint(ctx, conn, "NOOP")
	if err == nil && log.frames >= reuseAfter && c.mayFinish(log) {
		_, err = checkpoint(ctx, conn, "PASSIVE")
		c.moving.Unlock()
	}
	if err != nil {
		c.fail(err)
	}
	select {
	case c.commit <- struct{}{}:
	default:
	}
}

// mayFinish reports whether the writer is to move what is left in the log, and
// then holds moving. It waits only where the log is long.
func (c *checkpointer) mayFinish(log walState) bool {
	if log.frames >= longestLog {
		c.moving.Lock()
		return true
	}
	return log.rest() <= smallRest && c.moving.TryLock()
}

func (c *checkpointer) fail(err error) { c.failed.Store(&err) }

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
		for {
			if err := c.move(ctx); err != nil {
				c.fail(err)
			}
			if c.failed.Load() == nil || !wait(ctx, checkpointRetry) {
				break
			}
		}
	}
}

// move moves what has gathered in the log, and what is added meanwhile, until
// little is left or the writer adds it as fast. After a failure it moves
// something in any case: what has failed is good again when that succeeds.
func (c *checkpointer) move(ctx context.Context) error {
	log, err := checkpoint(ctx, c.own, "NOOP")
	failed := c.failed.Load()
	if failed == nil && log.rest() < reuseAfter/4 { // it is not worth it yet
		return err
	}
	for before := log.rest() + 1; err == nil && (failed != nil || log.rest() > smallRest && log.rest() < before); {
		before = log.rest()
		c.moving.Lock()
		log, err = checkpoint(ctx, c.own, "PASSIVE")
		c.moving.Unlock()
		if err == nil && log.busy {
			return nil // somebody else is at it
		}
		if err == nil {
			c.failed.CompareAndSwap(failed, nil)
			failed = nil
			log, err = checkpoint(ctx, c.own, "NOOP")
		}
	}
	return err
}

// moveAll moves all of the log, and in the mode TRUNCATE empties it. It waits for
// readers as long as it has patience, and nobody waits for it meanwhile: isHeld
// reports that one of them has an older snapshot still.
func (c *checkpointer) moveAll(ctx context.Context, mode string) (isHeld bool, err error) {
	for end := time.Now().Add(reclaimPatience); ; {
		log, err := c.moveAtOnce(ctx, mode)
		if err != nil || !log.busy && log.rest() <= 0 {
			return false, err
		}
		if time.Now().After(end) || !wait(ctx, checkpointRetry) {
			return true, ctx.Err()
		}
	}
}

// moveAtOnce is a checkpoint that waits for no reader: SQLite would hold the write
// lock while it does.
func (c *checkpointer) moveAtOnce(ctx context.Context, mode string) (log walState, err error) {
	c.moving.Lock()
	defer c.moving.Unlock()
	conn, err := c.own.Conn(ctx)
	if err != nil {
		return log, err
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, "PRAGMA busy_timeout = 0"); err != nil {
		return log, err
	}
	log, err = checkpoint(ctx, conn, mode)
	_, again := conn.ExecContext(context.WithoutCancel(ctx), fmt.Sprintf("PRAGMA busy_timeout = %d", busyTimeout.Milliseconds()))
	return log, errors.Join(err, again)
}

// A walState tells how many frames the log has, and how many of them are moved.
type walState struct {
	frames, moved int
	busy          bool // somebody else is moving, or, in the mode TRUNCATE, reading
}

func (l walState) rest() int { return l.frames - l.moved }

// checkpoint moves as much of the log as can be without waiting for anybody;
// NOOP only looks. That somebody else is just at it is no error.
func checkpoint(ctx context.Context, db interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}, mode string) (l walState, err error) {
	err = db.QueryRowContext(ctx, "PRAGMA wal_checkpoint("+mode+")").Scan(&l.busy, &l.frames, &l.moved)
	var e sqlite3.Error
	if errors.As(err, &e) && (e.Code == sqlite3.ErrBusy || e.Code == sqlite3.ErrLocked) {
		return walState{busy: true}, nil
	}
	return l, err
}
