package ingest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/consensusd/consensusd/store"
)

// examineDone looks for the receipt that says that a file in done/ is recorded:
// its bytes, together with what its name and folder say.
func (x *examination) examineDone(ctx context.Context, path, rel string) (condition, error) {
	which := filepath.Join("done", rel)
	c, err := readOrHash(path, x.store)
	if err != nil {
		return unreadable(which, err)
	}
	receipts, err := x.store.ReceiptsOf(ctx, c.sha256)
	if err != nil {
		return condition{}, err
	}
	receipts = slices.DeleteFunc(receipts, func(r store.Receipt) bool { return r.State == store.Rejected })
	switch {
	case len(receipts) > 0 && isRecordedAs(x.store, receipts, c, path, withoutDay(rel)):
		return condition{}, nil
	case x.moved.waits(c.stamp):
		return condition{waits: true}, nil
	case len(receipts) > 0:
		return wrong("file_identity", which, "its bytes are recorded, but not as what its name and folder say: move it back into the inbox to have it recorded"), nil
	}
	return wrong("file_unrecorded", which, fmt.Sprintf("no receipt says that it was recorded (sha256 %s): move it back into the inbox to have it recorded", c.sha256)), nil
}

// isRecordedAs reports whether one of the receipts of a file's bytes is that of
// the document that it is under its name. A document that would be rejected now
// was not then.
func isRecordedAs(s *store.Store, receipts []store.Receipt, c contents, path, rel string) bool {
	if c.data == nil {
		read, err := readFile(path, c.stamp.size, false, s) // as large as what was recorded
		if err != nil || read.sha256 != c.sha256 {
			return errors.Is(err, fs.ErrNotExist)
		}
		c = read
	}
	doc, rejection := readDocument(c.data, originOf(rel, rel, time.Unix(0, c.stamp.modified), time.Now()))
	return rejection != nil || slices.ContainsFunc(receipts, func(r store.Receipt) bool { return r.Identity == doc.Identity })
}

// withoutDay is the path of a file below the inbox it came from, when rel is its
// path below done/.
func withoutDay(rel string) string {
	day, rest, found := strings.Cut(rel, string(filepath.Separator))
	if _, err := time.Parse(time.DateOnly, day); err != nil || !found {
		return rel
	}
	return rest
}

// examineFailed looks for the reason of a file in failed/, and for the receipt
// that says that it was tried.
func (x *examination) examineFailed(ctx context.Context, path, rel string) (condition, error) {
	which := filepath.Join("failed", rel)
	failure, err := x.home.Failure(rel)
	if errors.Is(err, ErrNoFailure) {
		return condition{}, nil // retried or dropped while we looked
	}
	if err != nil {
		return condition{}, err
	}
	if failure.Code == codeNoReason {
		if info, err := os.Lstat(path); err != nil || x.moved.waits(stampOf(info)) {
			return condition{waits: err == nil}, nil
		}
		return wrong("reason_missing", which, "its reason is missing: consensusd failed retry finds it again"), nil
	}
	if failure.SHA256 == "" {
		return condition{}, nil // nobody could read it
	}
	c, err := readOrHash(path, x.store)
	if err != nil {
		return unreadable(which, err)
	}
	if c.sha256 != failure.SHA256 {
		return wrong("failed_altered", which, "its bytes are not those that its reason speaks of: consensusd failed retry looks at them"), nil
	}
	receipts, err := x.store.ReceiptsOf(ctx, c.sha256)
	if err == nil && len(receipts) == 0 {
		return wrong("failed_without_receipt", which, fmt.Sprintf("no receipt says that it was rejected (sha256 %s): consensusd failed retry makes one", c.sha256)), nil
	}
	return condition{}, err
}

// examineReason looks for the file that a reason in failed/ speaks of. One that
// is being retried is in the inbox, and comes back if it fails again.
func (x *examination) examineReason(_ context.Context, path, rel string) (condition, error) {
	file := strings.TrimSuffix(path, reasonSuffix)
	retried := filepath.Join(x.home.Inbox(), strings.TrimSuffix(rel, reasonSuffix))
	document := path + reasonSuffix // there when the reason is a document itself
	for _, there := range []string{file, retried, file, document} {
		if _, err := os.Lstat(there); !errors.Is(err, fs.ErrNotExist) {
			return condition{}, err
		}
	}
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return condition{}, nil
	}
	return wrong("reason_without_file", filepath.Join("failed", rel), "the file that it speaks of is gone: delete it"), nil
}

// stagedFor is how long a file may rest in staging/ while put writes it.
const stagedFor = time.Minute

func (x *examination) examineStaged(_ context.Context, path, rel string) (condition, error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && time.Since(info.ModTime()) < stagedFor {
		return condition{}, nil
	}
	return wrong("staging_left", filepath.Join("staging", rel), "an interrupted put left it, and reported no success: put it again, or delete it"), err
}

// unreadable is the condition of a file that could not be hashed: gone, or not to
// be read by us.
func unreadable(which string, err error) (condition, error) {
	var rejection *Rejection
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return condition{}, nil // pruned, retried or dropped while we looked
	case errors.As(err, &rejection), errors.Is(err, errChanging), errors.Is(err, fs.ErrPermission):
		return wrong("file_unreadable", which, err.Error()), nil
	}
	return condition{}, err
}

// smallFile is up to which size a file is read whole.
const smallFile = 1 << 20

// readOrHash is [readFile] for a file of any size. Of one that is not small it
// returns hash and stamp alone: nobody knows yet that it was ever recorded.
func readOrHash(path string, s *store.Store) (c contents, err error) {
	c, err = readFile(path, smallFile, false, s)
	var large *Rejection
	if !errors.As(err, &large) || large.Code != CodeTooLarge {
		return c, err
	}
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return c, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return c, err
	}
	h := sha256.New()
	_, err = io.Copy(h, f)
	return contents{sha256: hex.EncodeToString(h.Sum(nil)), stamp: stampOf(info)}, err
}

// A moved tells which files a daemon may have moved without having looked at
// them since.
type moved struct {
	since  time.Time     // zero when there are none
	atMost time.Duration // how long a daemon that runs may take; 0 when none runs
}

// moved returns what daemon.lock says about files that were moved.
func (h Home) moved() moved {
	last, err := h.readHolder()
	if errors.Is(err, fs.ErrNotExist) {
		return moved{}
	}
	if err != nil { // torn, as when power was lost: the next daemon looks at everything
		last.Unsettled = beginning
	}
	m := moved{since: last.Unsettled}
	if now, running := h.Holder(); running {
		m.atMost = now.AssembleTimeout() + time.Minute
	}
	return m
}

// waits reports whether a file is one of these: a part may wait for its run also
// after it was moved.
func (m moved) waits(s stamp) bool {
	if m.since.IsZero() || s.lastChange().Before(m.since) {
		return false
	}
	return m.atMost == 0 || time.Since(s.lastChange()) <= m.atMost
}
