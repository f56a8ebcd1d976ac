package main

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestABarIsDrawnByItsStepsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, got := terminal(80, false)
		p := &progress{screen: s, doing: "recording", begun: time.Now()}
		p.step(1, unknown)
		if got.Len() > 0 {
			t.Errorf("drawn at once: %q", got)
		}
		time.Sleep(2 * time.Second)
		p.step(2, unknown)
		drawn := got.Len()
		p.clear()
		cleared := got.Len()
		time.Sleep(2 * time.Second)
		if drawn == 0 || cleared == drawn || got.Len() != cleared {
			t.Errorf("%d bytes drawn, %d when it was cleared, %d later: %q", drawn, cleared, got.Len(), got)
		}
	})
}
