package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
)

// memory measures what consensusd ingest takes at its peak.
func (b *sqliteBench) memory(ctx context.Context) error {
	many := corpus{name: "memory", content: contentSize, documents: b.amounts.memoryRuns}
	peak, _, err := b.peak(ctx, many)
	if err != nil {
		return err
	}
	what := fmt.Sprintf("peak memory for %s documents of 4 KB", number(float64(many.documents)))
	b.table.compare(what, peak, figure{96, "MB", "allowed"}, atMost(1))
	large := corpus{name: "memory", content: (b.amounts.largeBytes - 4096) / len(agents), documents: 1}
	peak, bytes, err := b.peak(ctx, large)
	if err != nil {
		return err
	}
	what = fmt.Sprintf("peak memory for one document of %s MB", number(bytes/1e6))
	b.table.compare(what, peak, figure{64 + 5*bytes/1e6, "MB", "allowed"}, atMost(1))
	return nil
}

// peak returns the most memory that the recording of a corpus takes, and how
// large its documents are in all.
func (b *sqliteBench) peak(ctx context.Context, c corpus) (peak figure, bytes float64, err error) {
	fmt.Fprintf(b.progress, "measuring memory\n")
	if err := c.create(b.folder); err != nil {
		return figure{}, 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(string(c.home))) }()
	files, err := os.ReadDir(c.home.Inbox())
	if err != nil {
		return figure{}, 0, err
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			return figure{}, 0, err
		}
		bytes += float64(info.Size())
	}
	cmd := b.consensusd(ctx, &c, "ingest")
	if _, err := timed(cmd); err != nil {
		return figure{}, 0, err
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return figure{}, 0, errors.New("the system does not tell how much memory a process took")
	}
	return figure{value: float64(usage.Maxrss) * 1024 / 1e6, unit: "MB"}, bytes, c.mustHoldAll(ctx, c.home.Database())
}
