//go:build unix && !linux

package ingest

func openBeneath(dir int, rel string, flags int) (fd int, err error) {
	return walkBeneath(dir, rel, flags)
}
