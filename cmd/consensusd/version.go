package main

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/consensusd/consensusd/schema"
	"github.com/consensusd/consensusd/store"
)

// A version is what this program was built from.
type version struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitzero"` // the commit
	Go       string `json:"go"`
	Database string `json:"database"` // the library that is linked in
	Schema   int64  `json:"schema"`   // of the database
	Platform string `json:"platform"`
}

func (c *cli) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the versions of program, Go, SQLite and schema",
		Long:    "version prints what this program was built from, for bug reports.",
		Example: "  consensusd version --json",
		Args:    arguments(0, 0, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			v := versionOf()
			return c.answer(v, nil, func(s *screen) {
				s.field("consensusd", either(v.Version+" "+v.Revision, "unknown"))
				s.field("go", v.Go+" "+v.Platform)
				s.field("database", v.Database)
				s.field("schema", few(int(v.Schema)))
			})
		},
	}
}

func versionOf() version {
	v := version{
		Version: programVersion(), Go: runtime.Version(), Database: store.EngineVersion(),
		Schema: schema.Version(schema.SQLite), Platform: runtime.GOOS + "/" + runtime.GOARCH,
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				v.Revision = s.Value
			}
		}
	}
	return v
}

func programVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
