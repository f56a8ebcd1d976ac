package postgrestest

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A missingError says which program is not installed, and what to do.
type missingError struct{ program string }

func (e *missingError) Error() string {
	return e.program + " is not installed: apt-get install postgresql pgbouncer"
}

// postgresPrograms returns the paths of initdb and postgres, of the newest
// version that Debian's packages installed, else of the one in use.
func postgresPrograms() (initdb, postgres string, err error) {
	folders, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return "", "", err
	}
	slices.SortFunc(folders, func(a, b string) int { return version(b) - version(a) })
	if out, err := exec.Command("pg_config", "--bindir").Output(); err == nil {
		folders = append(folders, strings.TrimSpace(string(out)))
	}
	for _, folder := range append(folders, "") { // The last one means PATH.
		initdb, err1 := exec.LookPath(filepath.Join(folder, "initdb"))
		postgres, err2 := exec.LookPath(filepath.Join(folder, "postgres"))
		if err1 == nil && err2 == nil {
			return initdb, postgres, nil
		}
	}
	return "", "", &missingError{"PostgreSQL"}
}

// version returns the 17 of /usr/lib/postgresql/17/bin, 0 if there is none.
func version(folder string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(folder)))
	return n
}

func bouncerProgram() (string, error) {
	for _, name := range []string{"pgbouncer", "/usr/sbin/pgbouncer"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", &missingError{"PgBouncer"}
}
