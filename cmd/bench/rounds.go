package main

import (
	"context"
	"fmt"
	"io"
	"slices"
)

// A contender is one of those that are measured side by side.
type contender struct {
	name    string
	unit    string
	of      string // what it is, beside the others
	measure func(context.Context) (float64, error)
	median  float64 // of all rounds, once they are over
}

func (c *contender) figure(of string) figure { return figure{c.median, c.unit, of} }

// alternate measures all contenders in every round, each time another one
// first, so that what else the machine does concerns all alike.
func alternate(ctx context.Context, progress io.Writer, rounds int, contenders []*contender) error {
	measured := make([][]float64, len(contenders))
	for round := range rounds {
		for n := range contenders {
			i := (round + n) % len(contenders)
			c := contenders[i]
			value, err := c.measure(ctx)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			measured[i] = append(measured[i], value)
			fmt.Fprintf(progress, "round %d of %d: %s: %s %s\n", round+1, rounds, c.name, number(value), c.unit)
		}
	}
	for i, c := range contenders {
		c.median = median(measured[i])
	}
	return nil
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
