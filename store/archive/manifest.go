package archive

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/klauspost/compress/zstd"
)

// A Manifest lists what is in a file.
type Manifest struct {
	Version int     `json:"version"`
	Blocks  []Block `json:"blocks"`
	Entries []Entry `json:"entries"` // in the order of their lines
}

// A Block is one zstd frame of lines.
type Block struct {
	Offset int64  `json:"offset"` // in the file
	Bytes  int64  `json:"bytes"`  // compressed
	Plain  int64  `json:"plain"`  // bytes of its lines
	SHA256 string `json:"sha256"` // of the compressed bytes
}

// An Entry is one run's line.
type Entry struct {
	RunID  string `json:"run_id"`
	SHA256 string `json:"sha256"` // of the line, without its end
	Block  int    `json:"block"`  // index
	Offset int64  `json:"offset"` // in the block's plain bytes
	Bytes  int64  `json:"bytes"`  // of the line, without its end
}

// formatVersion is the version of the format that this program writes; it reads
// no later one.
const formatVersion = 1

// Skippable frames begin with one of sixteen magic numbers and their length
// (RFC 8878, section 3.1.2).
const (
	manifestMagic = 0x184D2A5C
	trailerMagic  = 0x184D2A5D
	frameHeader   = 8
)

// mark is in every trailer, so that what is none of ours is told from what is
// damaged.
var mark = []byte("consensusd arch\n")

// A trailer says where the manifest is.
type trailer struct {
	offset, bytes int64    // of the compressed manifest
	sha256        [32]byte // of the compressed manifest
}

const trailerBytes = frameHeader + 16 + 8 + 8 + sha256.Size

func skippable(magic uint32, size int) []byte {
	b := binary.LittleEndian.AppendUint32(nil, magic)
	return binary.LittleEndian.AppendUint32(b, uint32(size))
}

func (t trailer) encode() []byte {
	b := append(skippable(trailerMagic, trailerBytes-frameHeader), mark...)
	b = binary.LittleEndian.AppendUint64(b, uint64(t.offset))
	b = binary.LittleEndian.AppendUint64(b, uint64(t.bytes))
	return append(b, t.sha256[:]...)
}

// decodeTrailer reads the last bytes of a file of the given size.
func decodeTrailer(b []byte, size int64) (t trailer, err error) {
	head := append(skippable(trailerMagic, trailerBytes-frameHeader), mark...)
	rest, ok := bytes.CutPrefix(b, head)
	if !ok || len(b) != trailerBytes {
		return t, fmt.Errorf("it does not end as an archive does")
	}
	t.offset = int64(binary.LittleEndian.Uint64(rest))
	t.bytes = int64(binary.LittleEndian.Uint64(rest[8:]))
	copy(t.sha256[:], rest[16:])
	if t.offset < frameHeader || t.bytes < 0 || t.offset > size || t.bytes > size || t.offset+t.bytes+trailerBytes != size {
		return t, fmt.Errorf("its manifest is not where its trailer says")
	}
	return t, nil
}

func (m Manifest) encode() ([]byte, error) {
	plain, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	return hard().EncodeAll(plain, nil), nil
}

// Bounds of what is unpacked, whatever a file says: the manifest of some ten
// million runs, and a run many times larger than any document may be.
const (
	maxManifest = 2 << 30
	maxBlock    = 1 << 30
)

func decodeManifest(b []byte, want [32]byte) (m Manifest, err error) {
	if sha256.Sum256(b) != want {
		return m, fmt.Errorf("its manifest has another checksum than its trailer says")
	}
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxManifest))
	if err != nil {
		return m, err
	}
	defer d.Close()
	plain, err := d.DecodeAll(b, nil)
	if err != nil {
		return m, fmt.Errorf("its manifest: %w", err)
	}
	if err := json.Unmarshal(plain, &m); err != nil {
		return m, fmt.Errorf("its manifest: %w", err)
	}
	if m.Version != formatVersion {
		return m, fmt.Errorf("it has format %d, this program reads %d: use the program that wrote it", m.Version, formatVersion)
	}
	return m, m.check()
}

// check refuses a manifest that points to where nothing can be.
func (m Manifest) check() error {
	var end int64
	for i, b := range m.Blocks {
		if b.Offset != end || b.Bytes <= 0 || b.Plain < 0 {
			return fmt.Errorf("block %d of its manifest does not follow the one before", i)
		}
		end += b.Bytes
	}
	for _, e := range m.Entries {
		if e.Block < 0 || e.Block >= len(m.Blocks) || e.Offset < 0 || e.Bytes < 0 || e.Offset+e.Bytes >= m.Blocks[e.Block].Plain {
			return fmt.Errorf("its manifest has run %q where nothing is", e.RunID)
		}
	}
	return nil
}

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
