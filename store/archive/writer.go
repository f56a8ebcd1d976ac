package archive

import (
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/consensusd/consensusd/store/background"
)

// blockBytes is how large a block gets: small enough that one run is read in a
// few milliseconds, large enough that runs which resemble each other compress
// together.
const blockBytes = 1 << 20

// smallFile is up to how many bytes of lines a file is compressed as hard as
// possible: in a month of little content it costs no time worth mentioning.
const smallFile = blockBytes

// A writer writes one file: the caller adds lines, and a goroutine of its own
// packs them and owns file, offset and manifest until [writer.finish].
type writer struct {
	file     *os.File
	offset   int64
	manifest Manifest

	block   []byte  // lines that are not packed yet
	entries []Entry // of those
	plain   int64   // bytes of lines so far
	blocks  chan lineBlock
	packed  chan error // why a block could not be written; closed when all are
}

// A lineBlock is a block to be written.
type lineBlock struct {
	lines   []byte // nil when it is packed already
	packed  []byte
	plain   int64
	entries []Entry
	pack    func() *zstd.Encoder
}

func newWriter(file *os.File) *writer {
	w := &writer{
		file: file, manifest: Manifest{Version: formatVersion, Blocks: []Block{}, Entries: []Entry{}},
		blocks: make(chan lineBlock, 1), packed: make(chan error, 1),
	}
	go w.pack(w.blocks)
	return w
}

// pack writes the blocks that it receives, until there are no more. It computes much,
// and can wait.
func (w *writer) pack(blocks <-chan lineBlock) {
	defer close(w.packed)
	background.Yield()
	var failed error
	for b := range blocks {
		if failed != nil {
			continue // the sender learns of it at the end
		}
		if b.lines != nil {
			b.packed = b.pack().EncodeAll(b.lines, nil)
		}
		failed = w.writeBlock(b)
	}
	if failed != nil {
		w.packed <- failed
	}
}

// wait ends the packing. It may be called again.
func (w *writer) wait() error {
	if w.blocks != nil {
		close(w.blocks)
		w.blocks = nil
	}
	return <-w.packed
}

// The encoders are made when they are needed: most commands never do.
var soft, hard = encoder(zstd.SpeedBetterCompression), encoder(zstd.SpeedBestCompression)

func encoder(level zstd.EncoderLevel) func() *zstd.Encoder {
	return sync.OnceValue(func() *zstd.Encoder {
		e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(level), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(true))
		if err != nil {
			panic(err) // an option is wrong
		}
		return e
	})
}

func (w *writer) rewrite(ctx context.Context, old *File, change Change) error {
	if old != nil {
		if err := w.copy(ctx, old, change.Keep); err != nil {
			return err
		}
	}
	if change.Add != nil {
		for line, err := range change.Add {
			if err = errors.Join(err, ctx.Err()); err != nil {
				return err
			}
			w.add(line)
		}
	}
	if w.plain <= smallFile {
		w.flush(hard)
	} else {
		w.flush(soft)
	}
	if err := w.wait(); err != nil {
		return err
	}
	return w.finish()
}

// copy takes over what keep lets pass. A full block of which everything is kept
// is copied as it is.
func (w *writer) copy(ctx context.Context, old *File, keep func(Entry) (bool, error)) error {
	all := make([][]Entry, len(old.Manifest.Blocks))
	kept := make([][]Entry, len(all))
	for i, e := range old.Manifest.Entries {
		all[e.Block] = append(all[e.Block], e)
		if old.byRun[e.RunID] != i {
			continue // of a run that is there twice the last counts
		}
		stays, err := true, error(nil)
		if keep != nil {
			stays, err = keep(e)
		}
		if err != nil {
			return err
		}
		if stays {
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
	plain := old.Manifest.Blocks[block].Plain
	w.plain += plain
	w.blocks <- lineBlock{packed: packed, plain: plain, entries: entries}
	return nil
}

func (w *writer) copyLines(old *File, entries []Entry) error {
	for _, e := range entries {
		data, err := old.line(e)
		if err != nil {
			return err
		}
		w.add(Line{e.RunID, data})
	}
	return nil
}

// add appends a line to the block, which is written before it gets too large.
func (w *writer) add(line Line) {
	if len(w.block) > 0 && len(w.block)+len(line.Data) > blockBytes {
		w.flush(soft)
	}
	w.entries = append(w.entries, Entry{
		RunID: line.RunID, SHA256: hexSum(line.Data), Offset: int64(len(w.block)), Bytes: int64(len(line.Data)),
	})
	w.block = append(append(w.block, line.Data...), '\n')
	w.plain += int64(len(line.Data)) + 1
}

func (w *writer) flush(pack func() *zstd.Encoder) {
	if len(w.block) == 0 {
		return
	}
	w.blocks <- lineBlock{lines: w.block, plain: int64(len(w.block)), entries: w.entries, pack: pack}
	w.block, w.entries = make([]byte, 0, blockBytes), nil
}

func (w *writer) writeBlock(b lineBlock) error {
	at := len(w.manifest.Blocks)
	w.manifest.Blocks = append(w.manifest.Blocks, Block{w.offset, int64(len(b.packed)), b.plain, hexSum(b.packed)})
	for _, e := range b.entries {
		e.Block = at
		w.manifest.Entries = append(w.manifest.Entries, e)
	}
	return w.write(b.packed)
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
