package main

import (
	"errors"
	"testing"

	"github.com/consensusd/consensusd/ingest"
)

func TestWhoSettlesAllFailuresMayFindSomebodyElseFaster(t *testing.T) {
	c := newCLI(nil, devNull(t), devNull(t))
	c.home = t.TempDir()
	gone := func(ingest.Home, string) error { return ingest.ErrNoFailure }
	if err := c.settle([]string{"x.json"}, true, "dropped", gone); err != nil {
		t.Errorf("of all: %v", err)
	}
	if err := c.settle([]string{"x.json"}, false, "dropped", gone); !errors.Is(err, ingest.ErrNoFailure) {
		t.Errorf("of those named: %v", err)
	}
	broken := errors.New("input/output error")
	if err := c.settle([]string{"x.json"}, true, "dropped", func(ingest.Home, string) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("of all that cannot be: %v", err)
	}
}
