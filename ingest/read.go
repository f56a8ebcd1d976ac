package ingest

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/consensusd/consensusd/store"
)

// A stamp tells one version of a file from another without reading it.
type stamp struct {
	device, inode uint64
	size          int64
	modified      int64 // Unix nanoseconds
	changed       int64 // Unix nanoseconds: the inode's, which a producer cannot set back
}

func stampOf(info fs.FileInfo) stamp {
	s := stamp{size: info.Size(), modified: info.ModTime().UnixNano()}
	if sys, ok := info.Sys().(*unixStat); ok {
		s.device, s.inode = uint64(sys.Dev), sys.Ino
		s.changed = changeTime(sys)
	}
	return s
}

// sameVersion reports whether two stamps are of the same bytes, wherever the file
// has been moved in between.
func (s stamp) sameVersion(o stamp) bool {
	return s.inode == o.inode && s.size == o.size && s.modified == o.modified
}

// lastChange is when the file last changed or arrived under its name.
func (s stamp) lastChange() time.Time { return time.Unix(0, max(s.modified, s.changed)) }

// contents are the bytes of a file as they were read, all at once.
type contents struct {
	data   []byte
	sha256 string
	stamp  stamp
	fresh  bool // see [stamp.freshAt]
}

// errChanging reports that a file was written while it was read.
var errChanging = errors.New("file is being written")

// readFile reads a file that anybody may have put there: regular files only,
// never through a link in the last place, never waiting for a pipe, at most limit bytes. ownLink
// demands that the file has no second name through which it could be changed.
// Files of the database of s are not read, for that would drop its locks.
// The error is a [*Rejection] when the file is at fault, [fs.ErrNotExist] when it
// is gone, errChanging when it is being written, and otherwise the machine's.
func readFile(path string, limit int64, ownLink bool, s *store.Store) (c contents, err error) {
	return readWith(func() (*os.File, error) {
		return os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	}, path, limit, ownLink, s)
}

// readBelow is readFile for the file at rel, which is reached through no link
// below the root r.
func (r *root) readBelow(rel string, limit int64, ownLink bool, s *store.Store) (contents, error) {
	return readWith(func() (*os.File, error) { return r.open(rel) }, filepath.Join(r.path, rel), limit, ownLink, s)
}

func readWith(open func() (*os.File, error), path string, limit int64, ownLink bool, s *store.Store) (c contents, err error) {
	info, hidden := os.Lstat(path)
	if hidden == nil && info.Mode().IsRegular() { // before anything is opened
		c.stamp = stampOf(info)
		if rejection := linked(info, ownLink, s); rejection != nil {
			return c, rejection
		}
	}
	f, err := open()
	switch {
	case errors.Is(err, unix.ELOOP), errors.Is(err, unix.ENXIO):
		return c, notRegular("a link or a socket")
	case errors.Is(err, fs.ErrPermission) && hidden == nil: // else it is its folder that says no
		return c, &Rejection{Code: CodeUnreadable, Message: "no permission to read the file", Hint: "let the daemon's user read it", unfinished: true}
	case err != nil:
		return c, err
	}
	return readOpen(f, limit, ownLink, s)
}

// readOpen reads an open file, and closes it.
func readOpen(f *os.File, limit int64, ownLink bool, s *store.Store) (c contents, err error) {
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return c, err
	}
	c.stamp = stampOf(info)
	c.fresh = c.stamp.freshAt(time.Now())
	rejection := linked(info, ownLink, s)
	if rejection != nil && rejection.database {
		keepOpen(f) // it was put there between two looks
		return c, rejection
	}
	defer f.Close()
	switch {
	case info.IsDir(): // it has taken the file's place
		return c, &fs.PathError{Op: "read", Path: f.Name(), Err: fs.ErrNotExist}
	case !info.Mode().IsRegular():
		return c, notRegular("a " + kindOfFile(info.Mode()))
	case info.Size() > limit:
		return c, tooLarge(info.Size(), limit)
	case rejection != nil:
		return c, rejection
	}
	return c, c.readFrom(f, limit)
}

func (c *contents) readFrom(f *os.File, limit int64) error {
	c.data = make([]byte, c.stamp.size, c.stamp.size+1) // room for a byte more, to see whether there is one
	n, err := io.ReadFull(f, c.data[:c.stamp.size+1])
	if err != nil && err != io.ErrUnexpectedEOF && err != io.EOF {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if now := stampOf(info); int64(n) != c.stamp.size || !now.sameVersion(c.stamp) {
		if now.size > limit {
			return tooLarge(now.size, limit)
		}
		return errChanging
	}
	sum := sha256.Sum256(c.data)
	c.sha256 = hex.EncodeToString(sum[:])
	return nil
}

// linked says why a file must not be read that is there under a second name, nil
// when it may be: the database's own files never, and with ownLink none.
func linked(info fs.FileInfo, ownLink bool, s *store.Store) *Rejection {
	links := linksOf(info)
	plain := ownLink && links == 1 && filepath.Ext(info.Name()) == ".json" // which no database is, and most files are
	switch {
	case !plain && s.Owns(info):
		return &Rejection{
			Code: CodeHardLink, Message: "the file is the database that is recorded into", Hint: "delete this name of it, and keep the database beside the inbox",
			unfinished: ownLink && links > 1, database: true, only: links == 1,
		}
	case ownLink && links > 1:
		return &Rejection{Code: CodeHardLink, Message: fmt.Sprintf("the file has %d names: it could change after it was recorded", links), Hint: "copy or rename it into the inbox, do not link it", unfinished: true}
	}
	return nil
}

// kept are descriptors that must stay open: closing one of a database's file
// drops all locks that this process has on it.
var kept struct {
	sync.Mutex
	files []*os.File
}

func keepOpen(f *os.File) {
	kept.Lock()
	defer kept.Unlock()
	kept.files = append(kept.files, f)
}

func notRegular(what string) *Rejection {
	return &Rejection{Code: CodeNotRegular, Message: what + " is no document", Hint: "put a regular file into the inbox"}
}

const tooLargeHint = "split the document, or raise --max-bytes"

func tooLarge(size, limit int64) *Rejection {
	return &Rejection{Code: CodeTooLarge, Message: fmt.Sprintf("%d bytes are more than the limit of %d", size, limit), Hint: tooLargeHint}
}

func kindOfFile(m fs.FileMode) string {
	switch {
	case m&fs.ModeSymlink != 0:
		return "link"
	case m&fs.ModeNamedPipe != 0:
		return "pipe"
	case m&fs.ModeSocket != 0:
		return "socket"
	case m&fs.ModeDevice != 0:
		return "device"
	}
	return "thing that is no file"
}
