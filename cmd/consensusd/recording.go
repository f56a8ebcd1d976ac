package main

import (
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/consensusd/consensusd/ingest"
	"github.com/consensusd/consensusd/serve"
)

// The flags of everybody who reads documents.
type recording struct {
	expect   expectation
	assemble duration
	settle   duration
	maxBytes byteSize
}

func newRecording() *recording {
	return &recording{
		expect: expectation{}, assemble: duration(15 * time.Minute), settle: duration(30 * time.Second), maxBytes: 64 << 20,
	}
}

func (r *recording) addTo(f *pflag.FlagSet) {
	r.addExpectation(f)
	f.Var(&r.settle, "settle", "how long an unfinished file must rest before it is rejected")
	f.Var(&r.maxBytes, "max-bytes", "the largest document, such as 10MB or 64MiB")
}

// addExpectation adds what says how long runs wait, and for whom.
func (r *recording) addExpectation(f *pflag.FlagSet) {
	f.Var(r.expect, "expect", "agents of a stage, for runs that do not say: plan=gemini,claude (repeatable)")
	f.Var(&r.assemble, "assemble-timeout", "how long a run waits for the rest of it after its newest part")
}

func (r *recording) options() ingest.Options {
	return ingest.Options{
		Expect: r.expect, AssembleTimeout: atOnce(r.assemble), Settle: atOnce(r.settle), MaxBytes: int64(r.maxBytes),
	}
}

// asTold makes of options what the daemon that runs was told, unless the user
// says otherwise.
func (c *cli) asTold(o ingest.Options, daemon ingest.Holder) ingest.Options {
	if !c.named["expect"] && !c.named["assemble-timeout"] {
		o.Expect, o.AssembleTimeout = daemon.Expect, daemon.AssembleTimeout()
	}
	return o
}

// atOnce makes of 0 the shortest time, because in options 0 means the default.
func atOnce(d duration) time.Duration { return max(time.Duration(d), 1) }

// rejected tells that a document is rejected, where it is wrong, and what to do.
func (c *cli) rejected(path string, r *ingest.Rejection) {
	line := fmt.Sprintf("%s: %s", path, r.Error())
	c.complain(line, r.Hint, serve.Error{Code: r.Code, Message: line, Hint: r.Hint})
}
