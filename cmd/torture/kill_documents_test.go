package torture

import (
	"fmt"
	"os"
)

// inParts drops runs by their parts, in any order: an answer for each agent, a
// synthesis and a manifest. It takes its time, so that some come too late and
// amend their run.
func (p *killProducer) inParts() {
	agents := []string{"claude", "gemini", "gpt_pro"}
	for p.again() {
		p.n++
		runID := fmt.Sprintf("in-parts-%d", p.n)
		var parts []*killVersion
		part := func(v killVersion, more map[string]any) {
			d := map[string]any{"run_id": runID, "spec_id": "SPEC-7", "stage": "tasks", "created_at": "2026-03-01T10:00:00Z"}
			for name, value := range more {
				d[name] = value
			}
			v.runID, v.text = runID, killJSON(p.t, d)
			parts = append(parts, p.note(v))
		}
		for _, agent := range agents {
			a := killAnswer{agent, p.text()}
			part(killVersion{answers: []killAnswer{a}}, map[string]any{"agent": a.agent, "content": a.content})
		}
		text := p.text()
		part(killVersion{synthesis: text}, map[string]any{"synthesis": map[string]any{"content": text, "verdict": "unanimous"}})
		part(killVersion{}, map[string]any{"expected_agents": agents})
		p.rng.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		for i, v := range parts {
			p.drop(v, p.inbox(fmt.Sprintf("%s-%d.json", runID, i)))
			p.pause(p.rng.IntN(10))
		}
		if p.rng.IntN(5) == 0 { // one that comes too late
			a := killAnswer{"late", p.text()}
			part(killVersion{answers: []killAnswer{a}}, map[string]any{"agent": a.agent, "content": a.content})
			p.pause(300)
			p.drop(parts[len(parts)-1], p.inbox(runID+"-late.json"))
		}
	}
}

// rejected drops what cannot be recorded, some of it under a name that the
// reason of another would have.
func (p *killProducer) rejected() {
	for p.again() {
		name := fmt.Sprintf("bad-%d.json", p.n)
		for range 2 {
			p.drop(p.note(killVersion{bad: true, text: p.badText()}), p.inbox(name))
			name += ".reason.json"
		}
	}
}

func (p *killProducer) badText() []byte {
	tag := p.text()
	switch whole := killJSON(p.t, map[string]any{"spec_id": "SPEC-7", "agent": "claude", "content": tag}); p.rng.IntN(4) {
	case 0:
		return append(whole, " and more"...)
	case 1:
		return killJSON(p.t, []string{tag})
	case 2:
		if p.n < 40 { // the last ones have to rest before they are rejected
			return whole[:len(whole)-1]
		}
		fallthrough
	default:
		return whole // which says no stage
	}
}

// duplicated drops the same bytes under several names, at once and later.
func (p *killProducer) duplicated() {
	var before *killVersion
	for p.again() {
		v := p.document()
		number := p.n
		for i := range 1 + p.rng.IntN(3) {
			p.drop(v, p.inbox(fmt.Sprintf("same-%d-%d.json", number, i)))
		}
		if before != nil {
			p.drop(before, p.inbox(fmt.Sprintf("same-%d-again.json", number)))
		}
		if before = nil; p.rng.IntN(2) == 0 {
			before = v
		}
	}
}

// killCreateHome makes the folders that the producers use before a daemon does.
func killCreateHome(home string) error {
	for _, dir := range []string{home + "/inbox", home + "/staging"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	return nil
}
