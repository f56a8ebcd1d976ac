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
	hash, stamp, err := hashFile(path)
	if err != nil {
		return unreadable(which, err)
	}
	receipts, err := x.store.ReceiptsOf(ctx, hash)
	if err != nil {
		return condition{}, err
	}
	receipts = slices.DeleteFunc(receipts, func(r store.Receipt) bool { return r.State == store.Rejected })
	switch {
	case len(receipts) > 0 && isRecordedAs(receipts, path, withoutDay(rel), hash):
		return condition{}, nil
	case x.moved.waits(stamp):
		return condition{waits: true}, nil
	case len(receipts) > 0:
		return wrong("file_identity", which, "its bytes are recorded, but not as what its name and folder say: move it back into the inbox to have it recorded"), nil
	}
	return wrong("file_unrecorded", which, fmt.Sprintf("no receipt says that it was recorded (sha256 %s): move it back into the inbox to have it recorded", hash)), nil
}

// isRecordedAs reports whether one of the receipts of a file's bytes is that of
// the document that it is under its name. A name that was too long when the file
// was moved may say less than it did, and a document that would be rejected now
// was not then.
func isRecordedAs(receipts []store.Receipt, path, rel, hash string) bool {
	c, err := readFile(path, 1<<40, false)
	if err != nil || c.sha256 != hash {
		return errors.Is(err, fs.ErrNotExist)
	}
	doc, rejection := readDocument(c.data, originOf(rel, rel, time.Unix(0, c.stamp.modified), time.Now()))
	if rejection != nil || len(filepath.Base(rel)) >= maxBaseName-20 {
		return true
	}
	return slices.ContainsFunc(receipts, func(r store.Receipt) bool { return r.Identity == doc.Identity })
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
	hash, _, err := hashFile(path)
	if err != nil {
		return unreadable(which, err)
	}
	if hash != failure.SHA256 {
		return wrong("failed_altered", which, "its bytes are not those that its reason speaks of: consensusd failed retry looks at them"), nil
	}
	receipts, err := x.store.ReceiptsOf(ctx, hash)
	if err == nil && len(receipts) == 0 {
		return wrong("failed_without_receipt", which, fmt.Sprintf("no receipt says that it was rejected (sha256 %s): consensusd failed retry makes one", hash)), nil
	}
	return condition{}, err
}

// examineReason looks for the file that a reason in failed/ speaks of.
func (x *examination) examineReason(_ context.Context, path, rel string) (condition, error) {
	for _, there := range []string{strings.TrimSuffix(path, reasonSuffix), path + reasonSuffix} { // the second when it is a document of that name
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
	case errors.As(err, &rejection), errors.Is(err, fs.ErrPermission):
		return wrong("file_unreadable", which, err.Error()), nil
	}
	return condition{}, err
}

// hashFile returns the hash of a file's bytes without holding them, and its
// stamp. Like [readFile] it reads regular files only, through no link.
func hashFile(path string) (hash string, s stamp, err error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	switch {
	case errors.Is(err, unix.ELOOP), errors.Is(err, unix.ENXIO):
		return "", s, notRegular("a link or a socket")
	case err != nil:
		return "", s, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", s, err
	}
	if !info.Mode().IsRegular() {
		return "", s, notRegular("a " + kindOfFile(info.Mode()))
	}
	h := sha256.New()
	_, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), stampOf(info), err
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
	if err != nil {
		return moved{}
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
