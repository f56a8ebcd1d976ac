package ingest

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// StageName returns the normal form of a stage: spec-plan, speckit.plan and
// Plan mean plan.
func StageName(s string) string { return stageName(s) }

// AgentName returns the normal form of an agent's name: GPT-Pro means gpt_pro.
func AgentName(s string) string { return agentName(s) }

// A Checked document is one that can be dropped into the inbox.
type Checked struct {
	Name     string // where it goes, below the inbox
	SHA256   string
	Identity string // with SHA256 the key of its receipt
	Kind     string // run, answer, synthesis, manifest, …
	RunID    string // as the document gives it; "" when it does not
	SpecID   string
	Stage    string
	Agents   []string
	Warnings []string

	data []byte
}

// Check reads a document as the daemon would: path is the file's, whose name
// and folder may say what the document does not.
func Check(path string, data []byte, maxBytes int64) (Checked, *Rejection) {
	if int64(len(data)) > maxBytes {
		message := fmt.Sprintf("it has more than %d bytes, the limit", maxBytes) // who knows how many were not read
		return Checked{}, &Rejection{Code: CodeTooLarge, Message: message, Hint: tooLargeHint}
	}
	now := time.Now()
	abs, err := filepath.Abs(path)
	if err != nil {
		abs = path
	}
	d, rejection := readDocument(data, originOf(abs, path, now, now))
	if rejection != nil {
		return Checked{}, rejection
	}
	sum := sha256.Sum256(data)
	c := Checked{
		Name: cmp.Or(strings.TrimLeft(filepath.Base(path), "./"), "document"), SHA256: hex.EncodeToString(sum[:]), Identity: d.Identity, Kind: string(d.Kind),
		RunID: d.RunID, SpecID: d.Spec, Stage: d.Stage, Agents: []string{}, Warnings: d.Warnings, data: data,
	}
	if d.RunID == "" && d.Kind != docRun && d.Report.Rank >= timeOfFile {
		c.Warnings = append(c.Warnings, "no run_id and no time: only when it comes tells which run it belongs to")
	}
	for _, a := range d.Answers {
		c.Agents = append(c.Agents, a.Agent)
	}
	c.Agents = unique(c.Agents)
	switch o := originOf(abs, path, now, now); {
	case isTemporary(o.folderSpec): // the daemon would pass it by
	case o.folderSure:
		c.Name = filepath.Join("consensus", o.folderSpec, c.Name) // the folder counts
	case o.folderSpec != "" && d.Spec == o.folderSpec:
		c.Name = filepath.Join(o.folderSpec, c.Name)
	}
	if base := filepath.Base(c.Name); isTemporary(base) || !isDocumentName(base, inboxPlace) {
		c.Name += ".json" // else the daemon would pass it by
	}
	return c, nil
}

// Drop puts a checked document into the inbox so that nobody ever sees half of
// it: it is written to staging and synced, and then renamed, never over another
// file. It returns the path below the inbox, when that too is on stable storage.
func (h Home) Drop(c Checked) (name string, err error) {
	random := make([]byte, 8)
	rand.Read(random)
	staged := filepath.Join(h.Staging(), hex.EncodeToString(random)+".json")
	if err := writeSynced(staged, c.data); err != nil {
		os.Remove(staged)
		return "", fmt.Errorf("put %s: %w", c.Name, err)
	}
	folders := h.folders()
	defer folders.close()
	path, err := folders.moveAway(staged, h.Inbox(), c.Name, c.SHA256)
	if err != nil {
		os.Remove(staged)
		return "", fmt.Errorf("put %s: %w", c.Name, err)
	}
	if err := syncDirs(unique(append(upTo(h.Inbox(), path), folders.changed...))...); err != nil {
		return "", fmt.Errorf("put %s: %w", c.Name, err)
	}
	return filepath.Rel(h.Inbox(), path)
}

func writeSynced(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return f.Close()
}
