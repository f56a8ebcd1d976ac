package ingest

import (
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"
)

// An origin is where a document comes from: what its name and folder say.
type origin struct {
	path       string // below the inbox or the folder read in place
	name       fileName
	folderSpec string // the spec its folder is named for; "" when it has none
	folderSure bool   // the folder stands where specs have folders, or looks like one
	fileTime   time.Time
	now        time.Time
}

// originOf reads a file's full path, whose folder may be named for a spec:
// consensus/SPEC/file, commands/SPEC/file, docs/SPEC/evidence/consensus/file,
// or just SPEC/file. shown is the path as it is recorded.
func originOf(full, shown string, fileTime, now time.Time) origin {
	o := origin{path: strings.ToValidUTF8(filepath.ToSlash(shown), "\uFFFD"), name: parseName(filepath.Base(full)), fileTime: fileTime.UTC(), now: now.UTC()}
	dirs := strings.Split(filepath.ToSlash(filepath.Dir(full)), "/")
	for len(dirs) > 0 && isEvidenceFolder(dirs[len(dirs)-1]) {
		dirs = dirs[:len(dirs)-1]
		o.folderSure = len(dirs) > 0 // docs/SPEC/evidence/consensus
	}
	if len(dirs) == 0 || dirs[len(dirs)-1] == "." || dirs[len(dirs)-1] == "" {
		o.folderSure = false
		return o
	}
	folder := dirs[len(dirs)-1]
	if badIdentifier(folder) != "" || folder == "docs" || isTemporary(folder) || strings.HasPrefix(folder, "~") {
		o.folderSure = false
		return o
	}
	o.folderSpec = folder
	o.folderSure = o.folderSure || len(dirs) > 1 && isEvidenceFolder(dirs[len(dirs)-2]) ||
		strings.HasPrefix(strings.ToUpper(folder), "SPEC-")
	return o
}

func isEvidenceFolder(name string) bool {
	return name == "consensus" || name == "commands" || name == "evidence"
}

// identify completes a document by its origin: what the document itself says
// wins, and where name or folder disagree a finding records it. own is the
// agent in the document itself when it is one agent's answer.
func (d *document) identify(o origin, own *string) *Rejection {
	d.Path, d.FileTime = o.path, o.fileTime
	var used []string // what name and folder contribute to what is recorded
	use := func(what, value string) { used = append(used, what+"="+value) }

	switch {
	case d.Spec == "" && o.folderSpec != "":
		d.Spec = o.folderSpec
		use("spec", o.folderSpec)
		if !o.folderSure {
			d.warn("no spec_id: taken from the folder " + quote(o.folderSpec))
		}
	case o.folderSure && !strings.EqualFold(d.Spec, o.folderSpec):
		d.find(findSpecMismatch, "", fmt.Sprintf("%s is in folder %s and says %s", path.Base(o.path), o.folderSpec, d.Spec))
		use("spec", o.folderSpec)
	}
	switch {
	case d.Stage == "" && o.name.Stage != "":
		d.Stage = o.name.Stage
		use("stage", o.name.Stage)
	case o.name.Stage != "" && d.Stage != o.name.Stage:
		d.find(findStageMismatch, "", fmt.Sprintf("%s is named for stage %s and says %s", path.Base(o.path), o.name.Stage, d.Stage))
		use("stage", o.name.Stage)
	}
	if own != nil {
		switch {
		case *own == "" && o.name.Agent != "":
			*own = o.name.Agent
			use("agent", o.name.Agent)
		case o.name.Agent != "" && *own != o.name.Agent:
			d.find(findAgentMismatch, *own, fmt.Sprintf("%s is named for agent %s and says %s", path.Base(o.path), o.name.Agent, *own))
			use("agent", o.name.Agent)
		}
	}
	if !o.name.Time.IsZero() && (d.RunID == "" || d.Report.Rank == timeNone) {
		use("time", o.name.Time.Format(time.RFC3339Nano))
		d.nameTime(o)
	} else if o.name.Time.IsZero() && o.name.TimeNote != "" {
		d.warn(o.name.TimeNote)
	}
	if d.Report.Rank == timeNone {
		d.setTime(o.fileTime, timeOfFile)
	}
	d.Identity = strings.Join(used, ";")
	if r := d.checkDepth(); r != nil {
		return r
	}
	return d.checkIdentifiers(own)
}

// nameTime takes the time in the file's name, unless it lies more than a day
// ahead.
func (d *document) nameTime(o origin) {
	if o.name.Time.After(o.now.Add(24 * time.Hour)) {
		d.warn("the name's time " + o.name.Time.Format(time.RFC3339) + " lies ahead: it is not taken")
		return
	}
	d.NameTime = o.name.Time
	d.setTime(o.name.Time, timeInName)
	if o.name.TimeNote != "" {
		d.warn(o.name.TimeNote)
	}
}

func (d *document) setTime(t time.Time, rank timeRank) {
	d.Report.At, d.Report.Rank = t.UnixMilli(), rank
}

func (d *document) checkIdentifiers(own *string) *Rejection {
	switch {
	case d.Spec == "":
		return &Rejection{Code: CodeMissingSpec, Message: "nothing says which spec this belongs to", Hint: `add "spec_id", or put the file into a folder named for the spec`}
	case d.Stage == "":
		return &Rejection{Code: CodeMissingStage, Message: "nothing says which stage this belongs to", Hint: `add "stage", or name the file spec-STAGE_TIME_AGENT.json`}
	case own != nil && *own == "":
		return &Rejection{Code: CodeMissingAgent, Message: "nothing says whose answer this is", Hint: `add "agent", or name the file spec-STAGE_TIME_AGENT.json`}
	}
	type id struct{ what, value string }
	ids := []id{{"run_id", d.RunID}, {"spec_id", d.Spec}, {"stage", d.Stage}}
	for _, agent := range d.agents(own) {
		ids = append(ids, id{"agent", agent})
	}
	for _, id := range ids {
		if why := badIdentifier(id.value); why != "" {
			hint := "use letters, digits and punctuation"
			if len(id.value) > maxIdentifier {
				hint = "use a short name; what explains it belongs into the content"
			}
			return &Rejection{Code: CodeBadIdentifier, Message: id.what + " " + quote(id.value) + " " + why, Hint: hint}
		}
	}
	return nil
}

// agents are all whom the document names.
func (d *document) agents(own *string) (names []string) {
	if own != nil {
		names = append(names, *own)
	}
	for _, a := range d.Answers {
		names = append(names, a.Agent)
	}
	return slices.Concat(names, d.Report.Expected, d.Report.Missing, slices.Sorted(maps.Keys(d.Report.Metrics)))
}

// maxIdentifier is far beyond any real id, and below what an index can hold.
const maxIdentifier = 512

// badIdentifier says why an id cannot be stored and shown, "" when it can.
func badIdentifier(id string) string {
	if len(id) > maxIdentifier {
		return fmt.Sprintf("is longer than %d bytes", maxIdentifier)
	}
	for _, c := range id {
		switch {
		case unicode.IsControl(c), c == unicode.ReplacementChar, unicode.In(c, unicode.Zl, unicode.Zp):
			return "has a control character"
		case unicode.Is(unicode.Bidi_Control, c):
			return "has a character that reverses the text around it"
		}
	}
	return ""
}
