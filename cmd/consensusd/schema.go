package main

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"github.com/consensusd/consensusd/schema"
	"github.com/consensusd/consensusd/store"
)

//go:embed document.schema.json
var documentSchema string

const schemaLong = `schema prints the JSON Schema (draft 2020-12) of the documents that consensusd
records: a run, a part of one, a synthesis and a manifest. With --sql it prints
the tables and views of the database that --db names instead; plain SQL may be
asked at any time, with any SQLite from 3.37 on, or psql.`

const schemaExample = `  consensusd schema > document.schema.json
  consensusd schema --sql
  consensusd schema --sql --db postgres://app@db1/consensus`

func (c *cli) schemaCommand() *cobra.Command {
	var sql bool
	cmd := &cobra.Command{
		Use:     "schema",
		Short:   "Print the JSON Schema of the documents; --sql for tables and views",
		Long:    schemaLong,
		Example: schemaExample,
		Args:    arguments(0, 0, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			if sql {
				text := tables(store.EngineOf(c.database()))
				return c.answer(text, nil, func(s *screen) { fmt.Fprint(s, text) })
			}
			return c.answer(jsontext.Value(documentSchema), nil, func(s *screen) { fmt.Fprint(s, documentSchema) })
		},
	}
	cmd.Flags().BoolVar(&sql, "sql", false, "the tables and views of the database")
	return cmd
}

var gooseComment = pattern(`(?m)^-- \+goose .*\n`)

// tables returns the SQL of a database.
func tables(engine schema.Engine) string {
	return strings.TrimSpace(gooseComment().ReplaceAllString(schema.SQL(engine), "")) + "\n"
}
