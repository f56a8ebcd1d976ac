package main

import (
	"fmt"

	"github.com/spf13/pflag"

	"github.com/consensusd/consensusd/schema"
)

// addGate adds --gate, which makes the verdict the exit status.
func addGate(f *pflag.FlagSet, value *string) {
	f.Var(choice{value, []string{"failed", "degraded"}}, "gate", "exit with 6 when the verdict is failed; =degraded: or degraded")
	f.Lookup("gate").NoOptDefVal = "failed"
}

// gate returns the failure of a run that does not pass. What is not recorded
// yet, or no more, has no verdict and does not pass either.
func gate(level, runID string, v schema.Verdict) error {
	pass := v == schema.Unanimous || v == schema.Degraded && level != "degraded"
	if level == "" || pass {
		return nil
	}
	return &failure{
		exit: exitGate, code: "gate", text: fmt.Sprintf("gate: run %s is %s", runID, either(string(v), "not recorded")),
	}
}
