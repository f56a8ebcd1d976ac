//go:build !linux

package main

// yieldToOthers does nothing.
func yieldToOthers() {}
