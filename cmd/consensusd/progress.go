package main

import (
	"time"

	"github.com/schollz/progressbar/v3"
)

// A progress shows how far something is that takes more than a second, to
// people at a terminal only.
type progress struct {
	screen *screen // nil when nobody is to see it
	doing  string
	begun  time.Time
	bar    *progressbar.ProgressBar
}

func (c *cli) progress(doing string) *progress {
	p := &progress{doing: doing, begun: time.Now()}
	if c.stderr.terminal && !c.quiet && !c.json {
		p.screen = c.stderr
	}
	return p
}

// unknown stands for how many there are in all while nobody knows.
const unknown = -1

// step tells that done of all are done; all may be unknown.
func (p *progress) step(done, all int64) {
	if p.screen == nil || p.bar == nil && time.Since(p.begun) < time.Second {
		return
	}
	if p.bar == nil {
		p.bar = progressbar.NewOptions64(all,
			progressbar.OptionSetWriter(p.screen),
			progressbar.OptionSetDescription(p.doing),
			progressbar.OptionShowCount(),
			progressbar.OptionSetWidth(30),
			progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionClearOnFinish(),
			progressbar.OptionUseANSICodes(true),
			progressbar.OptionSetSpinnerChangeInterval(0), // else it draws itself, also over what comes after it
		)
	}
	if all != p.bar.GetMax64() {
		p.bar.ChangeMax64(all)
	}
	p.bar.Set64(done)
}

// clear takes the bar away, until the next step.
func (p *progress) clear() {
	if p.bar != nil {
		p.bar.Clear()
	}
}
