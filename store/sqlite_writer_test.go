package store

import (
	"database/sql/driver"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mattn/go-sqlite3"
)

// The time is virtual: it only passes while the writer pauses.
func TestAWriterTakesTheLockSoonAfterItIsFree(t *testing.T) {
	s := open(t, newFile(t))
	writing := connector{sqliteDSN(s.target, url.Values{"mode": {"rw"}, "_txlock": {"immediate"}}), &sqlite3.SQLiteDriver{}}
	for _, held := range []time.Duration{time.Millisecond, 20 * time.Millisecond, 4 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			one, other := connected(t, writing), connected(t, writing)
			holding, err := one.BeginTx(t.Context(), driver.TxOptions{})
			if err != nil {
				t.Fatal(err)
			}
			begin := time.Now()
			time.AfterFunc(held, func() {
				if err := holding.Rollback(); err != nil {
					t.Error(err)
				}
			})
			tx, err := other.BeginTx(t.Context(), driver.TxOptions{})
			if took := time.Since(begin); err != nil || took > held+held/32+shortestLook {
				t.Fatalf("%v, %v after a lock was taken that was held for %v", err, took, held)
			}
			if err := tx.Rollback(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAWriterGivesUpWhenTheLockStaysTaken(t *testing.T) {
	s := open(t, newFile(t))
	writing := connector{sqliteDSN(s.target, url.Values{"mode": {"rw"}, "_txlock": {"immediate"}}), &sqlite3.SQLiteDriver{}}
	synctest.Test(t, func(t *testing.T) {
		one, other := connected(t, writing), connected(t, writing)
		holding, err := one.BeginTx(t.Context(), driver.TxOptions{})
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		_, err = other.BeginTx(t.Context(), driver.TxOptions{})
		if took := time.Since(begin); err == nil || took < busyTimeout || took > busyTimeout+busyTimeout/32 {
			t.Errorf("%v after %v, want it to give up after %v", err, took, busyTimeout)
		}
		if err := holding.Rollback(); err != nil {
			t.Error(err)
		}
	})
}

// connected is a connection of its own.
func connected(t *testing.T, c connector) *writingConn {
	t.Helper()
	conn, err := c.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn.(*writingConn)
}
