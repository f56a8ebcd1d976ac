package archive

import (
	"context"
	"crypto/sha256"
	"iter"
	"os"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// Bounds of a block: small enough that one run is read in a millisecond or two,
// large enough that runs which resemble each other compress together.
const blockBytes = 512 << 10

// smallFile is how many bytes of lines are compressed as hard as possible: in a
// month of little content it costs no time worth mentioning.
const smallFile = 8 << 20

// A writer writes one file.
type writer struct {
	file     *os.File
	offset   int64
	manifest Manifest
	block    []byte  // lines that are not written yet
	entries  []Entry // of those
	plain    int64   // bytes of lines so far
}

func newWriter(file *os.File) *writer {
	return &writer{file: file, manifest: Manifest{Version: formatVersion, Blocks: []Block{}, Entries: []Entry{}}}
}

// The encoders are made when they are needed: most commands never do.
var soft, hard = encoder(zstd.SpeedDefault), encoder(zstd.SpeedBestCompression)

func encoder(level zstd.EncoderLevel) func() *zstd.Encoder {
	return sync.OnceValue(func() *zstd.Encoder {
		e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(level), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(true))
		if err != nil {
			panic(err) // an option is wrong
		}
		return e
	})
}

func (w *writer) rewrite(ctx context.Context, old *File, keep func(Entry) bool, lines iter.Seq2[Line, error]) error {
	if old != nil {
		if err := w.copy(ctx, old, keep); err != nil {
			return err
		}
	}
	for line, err := range lines {
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := w.add(line); err != nil {
			return err
		}
	}
	if err := w.flush(); err != nil {
		return err
	}
	return w.finish()
}

// copy takes over what keep lets pass. A full block of which everything is kept
// is copied as it is.
func (w *writer) copy(ctx context.Context, old *File, keep func(Entry) bool) error {
	all := make([][]Entry, len(old.Manifest.Blocks))
	kept := make([][]Entry, len(all))
	for i, e := range old.Manifest.Entries {
		all[e.Block] = append(all[e.Block], e)
		if old.byRun[e.RunID] == i && keep(e) { // of a run that is there twice the last counts
			kept[e.Block] = append(kept[e.Block], e)
		}
	}
	for i, b := range old.Manifest.Blocks {
		if err := ctx.Err(); err != nil {
			return err
		}
		var err error
		if full := b.Plain >= blockBytes/2; full && len(kept[i]) == len(all[i]) && len(w.block) == 0 {
			err = w.copyBlock(old, i, kept[i])
		} else {
			err = w.copyLines(old, kept[i])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) copyBlock(old *File, block int, entries []Entry) error {
	packed, err := old.packed(block)
	if err != nil {
		return err
	}
	w.plain += old.Manifest.Blocks[block].Plain
	return w.writeBlock(packed, old.Manifest.Blocks[block].Plain, entries)
}

func (w *writer) copyLines(old *File, entries []Entry) error {
	for _, e := range entries {
		data, err := old.line(e)
		if err != nil {
			return err
		}
		if err := w.add(Line{e.RunID, data}); err != nil {
			return err
		}
	}
	return nil
}

// add appends a line to the block, which it writes before it gets too large.
func (w *writer) add(line Line) error {
	if len(w.block) > 0 && len(w.block)+len(line.Data) > blockBytes {
		if err := w.flush(); err != nil {
			return err
		}
	}
	w.entries = append(w.entries, Entry{
		RunID: line.RunID, SHA256: hexSum(line.Data), Offset: int64(len(w.block)), Bytes: int64(len(line.Data)),
	})
	w.block = append(append(w.block, line.Data...), '\n')
	w.plain += int64(len(line.Data)) + 1
	return nil
}

func (w *writer) flush() error {
	if len(w.block) == 0 {
		return nil
	}
	pack := soft
	if w.plain <= smallFile {
		pack = hard
	}
	err := w.writeBlock(pack().EncodeAll(w.block, nil), int64(len(w.block)), w.entries)
	w.block, w.entries = w.block[:0], nil
	return err
}

func (w *writer) writeBlock(packed []byte, plain int64, entries []Entry) error {
	at := len(w.manifest.Blocks)
	w.manifest.Blocks = append(w.manifest.Blocks, Block{w.offset, int64(len(packed)), plain, hexSum(packed)})
	for _, e := range entries {
		e.Block = at
		w.manifest.Entries = append(w.manifest.Entries, e)
	}
	return w.write(packed)
}

func (w *writer) write(b []byte) error {
	n, err := w.file.Write(b)
	w.offset += int64(n)
	return err
}

// finish writes manifest and trailer, and makes the file durable.
func (w *writer) finish() error {
	packed, err := w.manifest.encode()
	if err != nil {
		return err
	}
	if err := w.write(skippable(manifestMagic, len(packed))); err != nil {
		return err
	}
	t := trailer{offset: w.offset, bytes: int64(len(packed)), sha256: sha256.Sum256(packed)}
	if err := w.write(packed); err != nil {
		return err
	}
	if err := w.write(t.encode()); err != nil {
		return err
	}
	return w.file.Sync()
}

func (w *writer) summary() Summary {
	if len(w.manifest.Entries) == 0 {
		return Summary{}
	}
	return Summary{Runs: len(w.manifest.Entries), Plain: w.plain, Bytes: w.offset}
}
