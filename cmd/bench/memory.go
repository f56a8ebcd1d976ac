package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"
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
	peakBytes, err := peakOf(b.consensusd(ctx, &c, "ingest"))
	if err != nil {
		return figure{}, 0, err
	}
	return figure{value: peakBytes / 1e6, unit: "MB"}, bytes, c.mustHoldAll(ctx, c.home.Database())
}

// peakOf runs a process and returns the most memory that it had, in bytes, as it
// was at most a few milliseconds before its end. What the system tells of a
// process that has ended counts what its parent had when it began it.
func peakOf(cmd *exec.Cmd) (bytes float64, err error) {
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	status := fmt.Sprintf("/proc/%d/status", cmd.Process.Pid)
	for tick := time.NewTicker(2 * time.Millisecond); ; {
		select {
		case err := <-ended:
			tick.Stop()
			switch {
			case err != nil:
				err = fmt.Errorf("%s: %w\n%s", cmd, err, &said)
			case bytes == 0:
				err = errors.New("the system does not tell how much memory a process takes")
			}
			return bytes, err
		case <-tick.C:
			text, _ := os.ReadFile(status)
			if found := highWater.FindSubmatch(text); found != nil {
				kib, _ := strconv.ParseFloat(string(found[1]), 64)
				bytes = max(bytes, kib*1024)
			}
		}
	}
}

var highWater = regexp.MustCompile(`(?m)^VmHWM:\s+(\d+) kB$`)
