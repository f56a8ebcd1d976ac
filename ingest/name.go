package ingest

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

// nameKind is what a file's name says the file is.
type nameKind string

const (
	nameOther     nameKind = "" // the name does not say
	nameAnswer    nameKind = "answer"
	nameMetrics   nameKind = "metrics"
	nameSynthesis nameKind = "synthesis"
	nameTelemetry nameKind = "telemetry"
	nameVerdict   nameKind = "verdict"
	namePrompt    nameKind = "prompt"
	nameGuardrail nameKind = "guardrail" // guardrail, lifecycle or cost telemetry: no consensus document
)

// fileName is what a file's name says. Stage and Agent are in normal form; what the name does not say is zero.
// TimeNote, a phrase for people, says what was assumed about Time, or that the name's time cannot be read.
type fileName struct {
	Kind         nameKind
	Stage, Agent string
	Time         time.Time
	TimeNote     string
}

var (
	// nameVersion is what this package itself appends to a name that is taken, maybe more than once.
	nameVersion = pattern(`(?:~[0-9A-Fa-f][0-9A-Fa-f-]*)+$`)

	// namedTime splits a name around a date with a clock; namedDate around a mere date or Unix time, which may as well be
	// part of a model's name and so counts only where no clock is. A sequence number may follow either.
	namedTime = splitAround(clockToken)
	namedDate = splitAround(`\d{4}-\d{2}-\d{2}|\d{13}|\d{10}`)
	nameClock = pattern(clockToken)

	bareStage = pattern(`^[A-Za-z][A-Za-z0-9-]*$`)
)

// clockToken takes an offset west of Greenwich only with its colon: -0400 is as likely a sequence number.
const clockToken = `(?i)\d{4}-\d{2}-\d{2}[T_ ]\d{2}[:_-]\d{2}[:_-]\d{2}(?:\.\d+)?` +
	`(?:Z|\+\d{2}[:_-]?\d{2}|-\d{2}:\d{2})?` +
	`|\d{8}[T_]?\d{6}(?:\.\d+)?Z?`

func splitAround(token string) func() *regexp.Regexp {
	return pattern(`(?is)^(.+?)_(` + token + `)(?:-\d[\da-f]*(?:-[\da-f]+)*)?(?:_(.+))?$`)
}

// pattern compiles a regular expression when it is first asked for: a program
// that only answers a question needs none.
func pattern(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}

// parseName reads a file's base name. A name that fits none of the known forms, or whose stage or agent is not printable,
// gives the zero fileName; base may be anything at all.
func parseName(base string) fileName {
	extension := filepath.Ext(base)
	stem := nameVersion().ReplaceAllString(strings.TrimSuffix(base, extension), "")
	switch strings.ToLower(extension) {
	case ".json", ".jsonl":
		if isGuardrail(stem) {
			return fileName{Kind: nameGuardrail}
		}
		if n := parseStem(stem); n.Kind != namePrompt {
			return n
		}
	case ".txt":
		if n := parseStem(stem); n.Kind == namePrompt {
			return n
		}
	}
	return fileName{}
}

func isGuardrail(stem string) bool {
	stem = strings.ToLower(stem)
	return strings.HasPrefix(stem, "guardrail-") ||
		strings.Contains(stem, "_telemetry_") ||
		strings.HasSuffix(stem, "cost_summary")
}

// parseStem reads <stage>[_<agent>][_<time>[-<n>]][_<agent>][_<kind>], where only one of the agents is there.
func parseStem(stem string) fileName {
	if strings.Contains(stem, "__") || strings.HasSuffix(stem, "_") {
		return fileName{} // a part that its writer's shell expanded to nothing
	}
	head, clock, tail := cutTime(stem)
	stage, agent, _ := strings.Cut(head, "_")
	if agent != "" && tail != "" && kindNamed(tail) == nameOther {
		return fileName{}
	}
	agent, kind := cutKind(strings.Trim(agent+"_"+tail, "_"))

	if !nameFits(kind, stage, agent, clock != "") || !isPrintable(stage) || !isPrintable(agent) || nameClock().MatchString(agent) {
		return fileName{}
	}
	if kind == nameAnswer && agent == "" {
		kind = nameGuardrail
	}
	n := fileName{Kind: kind, Stage: stageName(stage), Agent: agentName(agent)}
	if clock == "" {
		return n
	}
	var ok bool
	if n.Time, n.TimeNote, ok = parseTime(clock); !ok {
		n.TimeNote = fmt.Sprintf("the name's time %s cannot be read", clock)
	}
	return n
}

// cutTime splits stem around its time and the sequence number after it. Without a time all of it is head.
func cutTime(stem string) (head, clock, tail string) {
	for _, split := range []func() *regexp.Regexp{namedTime, namedDate} {
		if m := split().FindStringSubmatch(stem); m != nil {
			return m[1], m[2], m[3]
		}
	}
	return stem, "", ""
}

// cutKind splits the kind off the end of what a name says besides stage and time. The rest is the agent.
func cutKind(s string) (agent string, kind nameKind) {
	i := strings.LastIndexByte(s, '_')
	if kind := kindNamed(s[i+1:]); kind != nameOther {
		return s[:max(i, 0)], kind
	}
	return s, nameAnswer
}

// kindNamed returns the kind that word, the last of a name, stands for. No agent has such a name.
func kindNamed(word string) nameKind {
	switch kind := nameKind(strings.ToLower(word)); kind {
	case nameMetrics, nameSynthesis, nameTelemetry, nameVerdict, namePrompt:
		return kind
	}
	return nameOther
}

// nameFits reports whether these parts make a name of a known form. Where nothing but the stage marks a name as such, the
// stage has to be known.
func nameFits(kind nameKind, stage, agent string, hasTime bool) bool {
	ofRun := kind == nameSynthesis || kind == nameVerdict || kind == nameTelemetry
	if ofRun && agent != "" {
		return false
	}
	if rest, prefixed := strings.CutPrefix(stage, "spec-"); prefixed {
		return rest != "" && (kind != nameAnswer || agent != "" || hasTime)
	}
	known := knownStage(stageName(stage))
	if kind == nameSynthesis || kind == nameVerdict {
		isSpecID := strings.HasPrefix(strings.ToLower(stage), "spec-")
		return known || bareStage().MatchString(stage) && !isSpecID
	}
	return known && hasTime && (kind != nameAnswer || agent != "")
}

func isPrintable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}
