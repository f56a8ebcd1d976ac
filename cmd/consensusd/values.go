package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/consensusd/consensusd/ingest"
)

// The values of flags; each is a pflag.Value.

// A choice is one of several words.
type choice struct {
	value *string
	of    []string
}

func (c choice) Set(s string) error {
	s = strings.ToLower(s)
	if !slices.Contains(c.of, s) {
		return errors.New("want one of " + strings.Join(c.of, ", "))
	}
	*c.value = s
	return nil
}

func (c choice) Type() string   { return strings.Join(c.of, "|") }
func (c choice) String() string { return *c.value }

// A name is kept in the normal form that is recorded.
type name struct {
	value *string
	form  func(string) string
}

func (n name) Set(s string) error {
	if *n.value = n.form(s); *n.value == "" {
		return errors.New("names nothing")
	}
	return nil
}

func (n name) Type() string   { return "name" }
func (n name) String() string { return *n.value }

// A number is at least least.
type number struct {
	value *int
	least int
}

func (n number) Set(s string) error {
	v, err := strconv.Atoi(s)
	if err != nil || v < n.least {
		return fmt.Errorf("want a whole number from %d on", n.least)
	}
	*n.value = v
	return nil
}

func (n number) Type() string   { return "number" }
func (n number) String() string { return strconv.Itoa(*n.value) }

// A cursor is what a page of runs ended with.
type cursor string

func (c *cursor) Set(s string) error {
	b, err := base64.RawURLEncoding.DecodeString(s)
	seconds, _, ok := strings.Cut(string(b), " ")
	if err == nil {
		_, err = strconv.ParseInt(seconds, 10, 64)
	}
	if err != nil || !ok {
		return errors.New("want the cursor that a page ended with")
	}
	*c = cursor(s)
	return nil
}

func (c *cursor) Type() string   { return "cursor" }
func (c *cursor) String() string { return string(*c) }

// An expectation is agents by stage. In its environment variable stages are
// separated by semicolons.
type expectation map[string][]string

func (e expectation) Set(s string) error {
	stage, list, ok := strings.Cut(s, "=")
	stage = ingest.StageName(stage)
	var agents []string
	for a := range strings.SplitSeq(list, ",") {
		if a = ingest.AgentName(a); a != "" && !slices.Contains(agents, a) {
			agents = append(agents, a)
		}
	}
	if !ok || stage == "" || len(agents) == 0 {
		return errors.New("want STAGE=AGENT,AGENT,… such as plan=gemini,claude,gpt_pro")
	}
	e[stage] = agents
	return nil
}

func (e expectation) Type() string               { return "stage=agents" }
func (e expectation) split(text string) []string { return strings.Split(text, ";") }

func (e expectation) String() string {
	var all []string
	for _, stage := range slices.Sorted(maps.Keys(e)) {
		all = append(all, stage+"="+strings.Join(e[stage], ","))
	}
	return strings.Join(all, ";")
}

// folders are separated in their environment variable as in $PATH.
type folders []string

func (f *folders) Set(s string) error {
	if info, err := os.Stat(s); err != nil {
		return err
	} else if !info.IsDir() {
		return errors.New("is no folder")
	}
	*f = append(*f, s)
	return nil
}

func (f *folders) Type() string               { return "folder" }
func (f *folders) String() string             { return strings.Join(*f, string(os.PathListSeparator)) }
func (f *folders) split(text string) []string { return filepath.SplitList(text) }

// An address is where to listen: HOST:PORT, or off.
type address string

func (a *address) Set(s string) error {
	if s != "off" {
		if _, port, err := net.SplitHostPort(s); err != nil || port == "" {
			return errors.New("want HOST:PORT, or off")
		}
	}
	*a = address(s)
	return nil
}

func (a *address) Type() string   { return "address" }
func (a *address) String() string { return string(*a) }
