package main

import (
	"errors"
	"os"
	"time"
)

// syncTime returns the median time in milliseconds that sync takes in the
// folder after 8 KB were written to a file of that size, as PostgreSQL writes
// its log.
func syncTime(folder string, sync func(*os.File) error) (ms float64, err error) {
	f, err := os.CreateTemp(folder, "sync")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	page := make([]byte, 8192)
	var times []float64
	for range 101 {
		if _, err := f.WriteAt(page, 0); err != nil {
			return 0, err
		}
		begin := time.Now()
		if err := sync(f); err != nil {
			return 0, err
		}
		times = append(times, float64(time.Since(begin))/float64(time.Millisecond))
	}
	return median(times), nil
}
