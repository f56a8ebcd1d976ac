package main

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"
)

func TestAMedianIsInTheMiddle(t *testing.T) {
	for _, test := range []struct {
		values []float64
		want   float64
	}{{[]float64{7}, 7}, {[]float64{9, 1}, 5}, {[]float64{100, 1, 3}, 3}, {[]float64{4, 100, 1, 2}, 3}} {
		if got := median(test.values); got != test.want {
			t.Errorf("median of %v is %v, want %v", test.values, got, test.want)
		}
	}
}

func TestEachContenderIsFirstInTurn(t *testing.T) {
	var order []string
	contend := func(name string) *contender {
		return &contender{name: name, measure: func(context.Context) (float64, error) {
			order = append(order, name)
			return float64(len(order)), nil
		}}
	}
	a, b := contend("a"), contend("b")
	if err := alternate(t.Context(), io.Discard, 3, []*contender{a, b}); err != nil {
		t.Fatal(err)
	}
	if want := []string{"a", "b", "b", "a", "a", "b"}; !slices.Equal(order, want) {
		t.Errorf("order %v, want %v", order, want)
	}
	if a.median != 4 || b.median != 3 { // of 1, 4, 5 and of 2, 3, 6
		t.Errorf("medians %v and %v", a.median, b.median)
	}
}

func TestARoundThatFailsEndsAll(t *testing.T) {
	lost := errors.New("two runs are lost")
	err := alternate(t.Context(), io.Discard, 2, []*contender{{name: "a", measure: func(context.Context) (float64, error) { return 0, lost }}})
	if !errors.Is(err, lost) {
		t.Errorf("error: %v", err)
	}
}
