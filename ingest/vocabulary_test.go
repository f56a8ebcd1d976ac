package ingest

import "testing"

func TestStageName(t *testing.T) {
	for _, test := range []struct{ name, in, want string }{
		{"a plain stage is itself", "plan", "plan"},
		{"case and blanks do not count", "  Plan\n", "plan"},
		{"spec- is a prefix", "spec-plan", "plan"},
		{"specify is no prefix", "specify", "specify"},
		{"spec-specify is specify", "spec-specify", "specify"},
		{"speckit. is a prefix", "speckit.plan", "plan"},
		{"a slash command is its stage", "/speckit.Implement", "implement"},
		{"a slash command of the older kind too", "/spec-tasks", "tasks"},
		{"a prefix twice is stripped twice", "spec-spec-plan", "plan"},
		{"blanks after a prefix do not count", "spec- plan", "plan"},
		{"review means audit", "review", "audit"},
		{"spec-review means audit", "spec-review", "audit"},
		{"a review of something is not the audit", "review-notes", "review-notes"},
		{"a quality gate is kept whole", "spec-quality-gate-plan", "quality-gate-plan"},
		{"a checkpoint is kept", "before-specify", "before-specify"},
		{"an unknown stage is kept in lower case", "Rollout", "rollout"},
		{"nothing is nothing", "", ""},
		{"blanks are nothing", " \t", ""},
		{"a prefix alone is nothing", "spec-", ""},
		{"a placeholder is nothing", "${stage}", ""},
		{"a placeholder in part is nothing", "spec-${stage", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := stageName(test.in); got != test.want {
				t.Errorf("stageName(%q) = %q, want %q", test.in, got, test.want)
			}
		})
	}
}

func TestKnownStage(t *testing.T) {
	for stage, want := range map[string]bool{
		"plan": true, "tasks": true, "implement": true, "validate": true, "audit": true, "unlock": true,
		"specify": true, "clarify": true, "analyze": true, "checklist": true,
		"before-specify": true, "after-specify": true, "after-tasks": true,
		"quality-gate-plan": true, "quality-gate-": false, "quality": false, "rollout": false, "": false,
	} {
		if got := knownStage(stage); got != want {
			t.Errorf("knownStage(%q) = %t, want %t", stage, got, want)
		}
	}
}

func TestAgentName(t *testing.T) {
	for _, test := range []struct{ name, in, want string }{
		{"a plain agent is itself", "claude", "claude"},
		{"case and blanks around do not count", " Gemini\n", "gemini"},
		{"an underscore is kept", "gpt_pro", "gpt_pro"},
		{"a hyphen becomes an underscore", "gpt-pro", "gpt_pro"},
		{"a blank becomes an underscore", "GPT Pro", "gpt_pro"},
		{"other marks are kept", "gpt-4.1:mini", "gpt_4.1:mini"},
		{"nothing is nothing", "", ""},
		{"blanks are nothing", " \u00a0", ""},
		{"a placeholder is nothing", "${AGENT}", ""},
		{"a placeholder in part is nothing", "gpt-${tier", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := agentName(test.in); got != test.want {
				t.Errorf("agentName(%q) = %q, want %q", test.in, got, test.want)
			}
		})
	}
}

func TestStatusOf(t *testing.T) {
	for word, want := range map[string]status{
		"ok": statusOK, "complete": statusOK, " OK\n": statusOK,
		"degraded": statusDegraded, "Degraded": statusDegraded,
		"conflict": statusNotOK, "hold": statusNotOK, "blocked": statusNotOK, "failed": statusNotOK,
		"no-consensus": statusNotOK, "NO_CONSENSUS": statusNotOK, "no consensus": statusNotOK,
		"unknown": statusUnknown, "": statusUnknown, "okay": statusUnknown, "${status}": statusUnknown,
	} {
		if got := statusOf(word); got != want {
			t.Errorf("statusOf(%q) = %d, want %d", word, got, want)
		}
	}
}

func TestIsPlaceholder(t *testing.T) {
	for s, want := range map[string]bool{
		"${stage}": true, "run of ${spec} at noon": true, "${": false, "}${": false, "$stage": false, "{stage}": false,
		"$ {stage}": false, "": false,
	} {
		if got := isPlaceholder(s); got != want {
			t.Errorf("isPlaceholder(%q) = %t, want %t", s, got, want)
		}
	}
}
