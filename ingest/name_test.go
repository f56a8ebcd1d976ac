package ingest

import (
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestParseName(t *testing.T) {
	at := time.Date(2025, 10, 6, 0, 36, 46, 0, time.UTC)
	christmas := time.Date(2025, 12, 20, 0, 0, 0, 0, time.UTC)
	answer := fileName{Kind: nameAnswer, Stage: "plan", Agent: "claude", Time: at}
	of := func(kind nameKind) fileName { return fileName{Kind: kind, Stage: "plan", Time: at} }

	for _, test := range []struct {
		name, base string
		want       fileName
	}{
		// Answers.
		{"an answer has its time before its agent", "spec-plan_2025-10-06T00:36:46Z_claude.json", answer},
		{"underscores stand for colons", "spec-plan_2025-10-06T00_36_46Z_claude.json", answer},
		{"hyphens stand for colons", "spec-plan_2025-10-06T00-36-46Z_claude.json", answer},
		{"a time in basic form", "spec-plan_20251006T003646Z_claude.json", answer},
		{"a time in basic form without zone is UTC", "spec-plan_20251006T003646_claude.json", answer},
		{"a time has a fraction", "spec-plan_2025-10-06T00_36_46.123Z_claude.json",
			fileName{Kind: nameAnswer, Stage: "plan", Agent: "claude", Time: at.Add(123 * time.Millisecond)}},
		{"a time has an offset", "spec-plan_2025-10-06T02_36_46+02_00_claude.json", answer},
		{"a local time is taken as UTC and noted", "spec-plan_20251006_003646_claude.json",
			fileName{Kind: nameAnswer, Stage: "plan", Agent: "claude", Time: at, TimeNote: noZone}},
		{"a time is a mere date", "spec-plan_2025-12-20_claude.json",
			fileName{Kind: nameAnswer, Stage: "plan", Agent: "claude", Time: christmas}},
		{"a time is Unix seconds", "spec-plan_1759711006_claude.json", answer},
		{"a time that is none is noted", "spec-plan_2025-13-06T00:36:46Z_claude.json",
			fileName{Kind: nameAnswer, Stage: "plan", Agent: "claude",
				TimeNote: "the name's time 2025-13-06T00:36:46Z cannot be read"}},
		{"an agent contains an underscore", "spec-tasks_2025-10-06T00:36:46Z_gpt_pro.json",
			fileName{Kind: nameAnswer, Stage: "tasks", Agent: "gpt_pro", Time: at}},
		{"an agent comes before the time", "spec-plan_claude_20251006T003646.json", answer},
		{"an agent before the time is hyphenated", "spec-plan_gpt-pro_20251220T000000.json",
			fileName{Kind: nameAnswer, Stage: "plan", Agent: "gpt_pro", Time: christmas}},
		{"an agent before the time contains an underscore", "spec-plan_gpt_pro_20251220T000000Z.json",
			fileName{Kind: nameAnswer, Stage: "plan", Agent: "gpt_pro", Time: christmas}},
		{"an agent before the time has a broken document", "spec-plan_broken_20251220T000000.json",
			fileName{Kind: nameAnswer, Stage: "plan", Agent: "broken", Time: christmas}},
		{"a sequence number follows the time", "spec-plan_claude_20251006T003646-2.json", answer},
		{"a sequence number goes on in hex", "spec-plan_claude_2025-10-06T00:36:46Z-1759711006-1f0c.json", answer},
		{"a sequence number of four digits is no offset", "spec-plan_claude_20251006T003646-0400.json", answer},
		{"a sequence number between time and agent", "spec-plan_2025-10-06T00:36:46Z-3_claude.json", answer},
		{"a model's date is part of the agent", "spec-plan_gpt-4o-2024-08-06_2025-10-06T00:36:46Z.json",
			fileName{Kind: nameAnswer, Stage: "plan", Agent: "gpt_4o_2024_08_06", Time: at}},
		{"a model's date is part of the agent after the time too", "spec-plan_2025-10-06T00:36:46Z_claude_2025-05-14.json",
			fileName{Kind: nameAnswer, Stage: "plan", Agent: "claude_2025_05_14", Time: at}},
		{"an agent's version contains a dot", "spec-plan_gpt-4.1_20251220T000000.json",
			fileName{Kind: nameAnswer, Stage: "plan", Agent: "gpt_4.1", Time: christmas}},
		{"an answer has no time", "spec-plan_gpt_pro.json", fileName{Kind: nameAnswer, Stage: "plan", Agent: "gpt_pro"}},
		{"a stage contains hyphens", "spec-quality-gate-plan_2025-10-06T00:36:46Z_gemini.json",
			fileName{Kind: nameAnswer, Stage: "quality-gate-plan", Agent: "gemini", Time: at}},
		{"a stage begins like the prefix", "spec-specify_2025-10-06T00:36:46Z_gemini.json",
			fileName{Kind: nameAnswer, Stage: "specify", Agent: "gemini", Time: at}},
		{"a review is an audit", "spec-review_2025-10-06T00:36:46Z_gemini.json",
			fileName{Kind: nameAnswer, Stage: "audit", Agent: "gemini", Time: at}},
		{"an unknown stage is kept after the prefix", "spec-rollout_2025-10-06T00:36:46Z_gemini.json",
			fileName{Kind: nameAnswer, Stage: "rollout", Agent: "gemini", Time: at}},
		{"a known stage needs no prefix", "plan_2025-10-06T00:36:46Z_claude.json", answer},
		{"a known stage needs no prefix where the agent comes first", "after-tasks_claude_20251220T000000.json",
			fileName{Kind: nameAnswer, Stage: "after-tasks", Agent: "claude", Time: christmas}},
		{"a quality gate needs no prefix", "quality-gate-tasks_20251220T000000_claude.json",
			fileName{Kind: nameAnswer, Stage: "quality-gate-tasks", Agent: "claude", Time: christmas}},
		{"a command's name is a known stage", "speckit.plan_2025-10-06T00:36:46Z_claude.json", answer},
		{"case does not count", "spec-Plan_2025-10-06t00:36:46z_Claude.JSON", answer},
		{"JSON lines are JSON", "spec-plan_2025-10-06T00:36:46Z_claude.jsonl", answer},
		{"a placeholder says nothing", "spec-${stage}_2025-10-06T00:36:46Z_${agent}.json", fileName{Kind: nameAnswer, Time: at}},
		{"our own version suffix does not count", "spec-plan_2025-10-06T00:36:46Z_claude~1a2b3c.json", answer},
		{"our own version suffix has hyphens", "spec-plan_2025-10-06T00:36:46Z_claude~1a2b3c-9f.json", answer},
		{"our own version suffix may come twice", "spec-plan_2025-10-06T00:36:46Z_claude~1a-9~ff.json", answer},

		// What goes with an answer.
		{"metrics", "spec-plan_2025-10-06T00:36:46Z_claude_metrics.json",
			fileName{Kind: nameMetrics, Stage: "plan", Agent: "claude", Time: at}},
		{"metrics of an agent with an underscore", "spec-plan_2025-10-06T00:36:46Z_gpt_pro_metrics.json",
			fileName{Kind: nameMetrics, Stage: "plan", Agent: "gpt_pro", Time: at}},
		{"metrics of an agent before the time", "spec-plan_gpt-pro_2025-10-06T00:36:46Z_metrics.json",
			fileName{Kind: nameMetrics, Stage: "plan", Agent: "gpt_pro", Time: at}},
		{"metrics without a time", "spec-plan_gpt_pro_metrics.json", fileName{Kind: nameMetrics, Stage: "plan", Agent: "gpt_pro"}},
		{"metrics without an agent", "spec-plan_2025-10-06T00:36:46Z_metrics.json", of(nameMetrics)},
		{"a prompt", "spec-plan_2025-10-06T00:36:46Z_claude_prompt.txt",
			fileName{Kind: namePrompt, Stage: "plan", Agent: "claude", Time: at}},

		// A run's own documents.
		{"a synthesis", "spec-plan_2025-10-06T00:36:46Z_synthesis.json", of(nameSynthesis)},
		{"a synthesis without a time", "spec-plan_synthesis.json", fileName{Kind: nameSynthesis, Stage: "plan"}},
		{"a synthesis with its time at the end", "spec-plan_synthesis_20251006T003646.json", of(nameSynthesis)},
		{"a synthesis without prefix", "plan_synthesis.json", fileName{Kind: nameSynthesis, Stage: "plan"}},
		{"a synthesis of any stage without prefix", "rollout_synthesis.json", fileName{Kind: nameSynthesis, Stage: "rollout"}},
		{"a verdict", "plan_2025-10-06T00:36:46Z_verdict.json", of(nameVerdict)},
		{"a verdict with prefix", "spec-plan_2025-10-06T00:36:46Z_verdict.json", of(nameVerdict)},
		{"a verdict without a time", "implement_verdict.json", fileName{Kind: nameVerdict, Stage: "implement"}},
		{"a verdict of a quality gate", "quality-gate-plan_verdict~0f.json", fileName{Kind: nameVerdict, Stage: "quality-gate-plan"}},
		{"telemetry", "spec-plan_2025-10-06T00:36:46Z_telemetry.jsonl", of(nameTelemetry)},
		{"telemetry without a time", "spec-plan_telemetry.jsonl", fileName{Kind: nameTelemetry, Stage: "plan"}},

		// What is no consensus document.
		{"a guardrail has no agent", "spec-plan_2025-10-06T00:36:46Z.json", of(nameGuardrail)},
		{"a guardrail has a sequence number", "spec-plan_2025-10-06T00:36:46Z-1234567890.json", of(nameGuardrail)},
		{"a guardrail by name", "guardrail-plan-1.json", fileName{Kind: nameGuardrail}},
		{"lifecycle telemetry", "plan_telemetry_20251028_131403.json", fileName{Kind: nameGuardrail}},
		{"lifecycle telemetry with prefix", "spec-plan_telemetry_2025.json", fileName{Kind: nameGuardrail}},
		{"costs", "SPEC-KIT-900_cost_summary.json", fileName{Kind: nameGuardrail}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, parseName(test.base)); diff != "" {
				t.Errorf("parseName(%q) (-want +got):\n%s", test.base, diff)
			}
		})
	}
}

func TestParseNameLeavesWhatFitsNothing(t *testing.T) {
	for _, test := range []struct{ name, base string }{
		{"nothing", ""},
		{"an extension alone", ".json"},
		{"a version suffix alone", "~1a.json"},
		{"no extension", "spec-plan_claude"},
		{"another extension", "spec-plan_2025-10-06T00:36:46Z_claude.md"},
		{"a text that is no prompt", "spec-plan_2025-10-06T00:36:46Z_claude.txt"},
		{"a prompt that is no text", "spec-plan_2025-10-06T00:36:46Z_claude_prompt.json"},
		{"a stage alone", "spec-plan.json"},
		{"a prefix alone", "spec-_2025-10-06T00:36:46Z_claude.json"},
		{"a time alone", "2025-10-06T00:36:46Z.json"},
		{"a time for a stage", "2025-10-06T00:36:46Z_verdict.json"},
		{"a spec id for a stage", "SPEC-KIT-900_synthesis.json"},
		{"an unknown stage without prefix", "notes_2025-10-06T00:36:46Z_claude.json"},
		{"an answer without prefix and time", "plan_claude.json"},
		{"a known stage and a time without prefix", "plan_2025-10-06T00:36:46Z.json"},
		{"an agent on both sides of the time", "spec-plan_claude_2025-10-06T00:36:46Z_gemini.json"},
		{"a synthesis of an agent", "spec-plan_2025-10-06T00:36:46Z_claude_synthesis.json"},
		{"two times", "spec-plan_2025-10-06T00:36:46Z_20251220T000000_claude.json"},
		{"an agent that a shell expanded to nothing", "spec-plan_2025-10-06T00:36:46Z_.json"},
		{"a time that a shell expanded to nothing", "spec-plan__claude.json"},
		{"a newline in the agent", "spec-plan_2025-10-06T00:36:46Z_cla\nude.json"},
		{"a newline in the stage", "spec-pl\nan_2025-10-06T00:36:46Z_claude.json"},
		{"an escape in the agent", "spec-plan_2025-10-06T00:36:46Z_\x1b[31mclaude.json"},
		{"a NUL in the agent", "spec-plan_claude\x00_20251220T000000.json"},
		{"a bidirectional override in the agent", "spec-plan_\u202eclaude_20251220T000000.json"},
		{"invalid UTF-8 in the agent", "spec-plan_2025-10-06T00:36:46Z_\xff.json"},
		{"invalid UTF-8 in the stage", "spec-\xc3(_2025-10-06T00:36:46Z_claude.json"},
		{"invalid UTF-8 in the extension", "spec-plan_claude.js\xffon"},
		{"underscores", strings.Repeat("_", 250) + ".json"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := parseName(test.base); got != (fileName{}) {
				t.Errorf("parseName(%q) = %+v, want nothing", test.base, got)
			}
		})
	}
}

func FuzzParseName(f *testing.F) {
	for _, base := range []string{
		"spec-plan_2025-10-06T00:36:46Z_gpt_pro_metrics.json", "spec-plan_gpt-pro_20251220T000000-2.json", "plan_verdict~1a-2.json",
		"spec-plan_2025-10-06T00_36_46.123Z_synthesis.json", "guardrail-x.json", "spec-${stage}_20251028_131403_${agent}.json",
		"spec-\xff_\x00.json", "spec-spec-review_ İ.jsonl", "/speckit./spec- plan_1762744939_x_prompt.txt",
	} {
		f.Add(base)
	}
	f.Fuzz(func(t *testing.T, base string) {
		n := parseName(base)
		if n.Kind == nameOther && n != (fileName{}) {
			t.Errorf("parseName(%q) = %+v, want fields only with a kind", base, n)
		}
		for _, s := range []string{n.Stage, n.Agent} {
			if !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
				t.Errorf("parseName(%q) = %+q, which has control characters or invalid UTF-8", base, s)
			}
		}
		if !n.Time.IsZero() && n.Time.Location() != time.UTC {
			t.Errorf("parseName(%q) has time %s, want UTC", base, n.Time)
		}
		for _, normal := range []func(string) string{stageName, agentName} {
			if once := normal(base); normal(once) != once {
				t.Errorf("the normal form of %q is %q, whose normal form is %q", base, once, normal(once))
			}
		}
		if n.Stage != stageName(n.Stage) || n.Agent != agentName(n.Agent) {
			t.Errorf("parseName(%q) = %+v, want stage and agent in normal form", base, n)
		}
	})
}
