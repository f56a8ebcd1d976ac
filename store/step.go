//go:build !faults

package store

// reuseAfter is the size in frames at which the log begins anew once all of it is
// moved: a log that grows makes every commit change the file system too.
const reuseAfter = 4096

// Step marks a place between two steps of recording. Builds with the tag faults
// can be told to die there; in all others it does nothing.
func Step(string) {}
