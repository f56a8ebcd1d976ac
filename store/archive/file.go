package archive

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"
)

// ErrNoRun reports that a file has no line for a run.
var ErrNoRun = errors.New("run is not in the archive")

// A File is an archive file that is open for reading. One goroutine at a time may
// use it.
type File struct {
	Manifest Manifest

	path    string
	file    *os.File
	decoder *zstd.Decoder
	byRun   map[string]int // index of its entry, the last when there are several
	loaded  int            // the block in plain, -1 when none is
	plain   []byte
}

// ErrIrregular reports a folder, pipe or device in the place of a file.
var ErrIrregular = errors.New("it is no regular file")

// OpenRegular opens a file to read. It does not wait at a pipe until somebody
// writes, as [os.Open] does: the error is [ErrIrregular].
func OpenRegular(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &os.PathError{Op: "open", Path: path, Err: ErrIrregular}
	}
	return os.Open(path)
}

// Open reads the manifest of the file at path. The error is a [*DamagedError]
// when the file is not what Rewrite wrote.
func Open(path string) (*File, error) {
	file, err := OpenRegular(path)
	if errors.Is(err, ErrIrregular) {
		err = &DamagedError{path, ErrIrregular.Error()}
	}
	if err != nil {
		return nil, err
	}
	f := &File{path: path, file: file, loaded: -1}
	if err := f.readManifest(); err != nil {
		file.Close()
		return nil, err
	}
	if f.decoder, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxBlock)); err != nil {
		file.Close()
		return nil, err
	}
	f.byRun = make(map[string]int, len(f.Manifest.Entries))
	for i, e := range f.Manifest.Entries {
		f.byRun[e.RunID] = i
	}
	return f, nil
}

// Close gives the file back.
func (f *File) Close() error {
	f.decoder.Close()
	return f.file.Close()
}

func (f *File) readManifest() error {
	info, err := f.file.Stat()
	if err != nil {
		return err
	}
	if info.Size() < trailerBytes {
		return f.damaged(errors.New("it is too short"))
	}
	end := make([]byte, trailerBytes)
	if _, err := f.file.ReadAt(end, info.Size()-trailerBytes); err != nil {
		return fmt.Errorf("read archive: %w", err)
	}
	t, err := decodeTrailer(end, info.Size())
	if err != nil {
		return f.damaged(err)
	}
	b := make([]byte, frameHeader+t.bytes)
	if _, err := f.file.ReadAt(b, t.offset-frameHeader); err != nil {
		return fmt.Errorf("read archive: %w", err)
	}
	b, ok := bytes.CutPrefix(b, skippable(manifestMagic, int(t.bytes)))
	if !ok {
		return f.damaged(errors.New("its manifest does not begin as one does"))
	}
	if f.Manifest, err = decodeManifest(b, t.sha256); err != nil {
		return f.damaged(err)
	}
	if n := len(f.Manifest.Blocks); n > 0 {
		if last := f.Manifest.Blocks[n-1]; last.Offset+last.Bytes != t.offset-frameHeader {
			return f.damaged(errors.New("its blocks do not end before its manifest"))
		}
	}
	return nil
}

// Entry returns the entry of a run; ok is false when it has none.
func (f *File) Entry(runID string) (e Entry, ok bool) {
	i, ok := f.byRun[runID]
	if ok {
		e = f.Manifest.Entries[i]
	}
	return e, ok
}

// Line returns the record of a run, checked against its SHA-256, or [ErrNoRun].
func (f *File) Line(runID string) ([]byte, error) {
	e, ok := f.Entry(runID)
	if !ok {
		return nil, fmt.Errorf("%s in %s: %w", runID, f.path, ErrNoRun)
	}
	return f.line(e)
}

// line returns a copy of the line of an entry.
func (f *File) line(e Entry) ([]byte, error) {
	if err := f.load(e.Block); err != nil {
		return nil, err
	}
	line := append([]byte(nil), f.plain[e.Offset:e.Offset+e.Bytes]...)
	if hexSum(line) != e.SHA256 {
		return nil, f.damaged(fmt.Errorf("run %s has another checksum than the manifest says", e.RunID))
	}
	return line, nil
}

// load unpacks a block, checked against its SHA-256.
func (f *File) load(block int) error {
	if f.loaded == block {
		return nil
	}
	f.loaded = -1
	packed, err := f.packed(block)
	if err != nil {
		return err
	}
	plain, err := f.decoder.DecodeAll(packed, f.plain[:0])
	if err != nil {
		return f.damaged(fmt.Errorf("block %d: %w", block, err))
	}
	if int64(len(plain)) != f.Manifest.Blocks[block].Plain {
		return f.damaged(fmt.Errorf("block %d has %d bytes, not %d", block, len(plain), f.Manifest.Blocks[block].Plain))
	}
	f.plain, f.loaded = plain, block
	return nil
}

// packed returns a block as it is in the file, checked against its SHA-256.
func (f *File) packed(block int) ([]byte, error) {
	b := f.Manifest.Blocks[block]
	packed := make([]byte, b.Bytes)
	if _, err := f.file.ReadAt(packed, b.Offset); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read archive: %w", err)
	}
	if hexSum(packed) != b.SHA256 {
		return nil, f.damaged(fmt.Errorf("block %d has another checksum than the manifest says", block))
	}
	return packed, nil
}

// Verify reads every line and compares it with its SHA-256. The error is a
// [*DamagedError] for the first that differs.
func (f *File) Verify() error {
	for _, e := range f.Manifest.Entries {
		if _, err := f.line(e); err != nil {
			return err
		}
	}
	for i := range f.Manifest.Blocks { // those without a line of ours, too
		if _, err := f.packed(i); err != nil {
			return err
		}
	}
	return nil
}

func (f *File) damaged(why error) error { return &DamagedError{f.path, why.Error()} }
