package serve

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/go-json-experiment/json"
)

// Readiness tells whether a daemon can record now, as /readyz answers.
type Readiness struct {
	Ready    bool     `json:"ready"`
	Reason   string   `json:"reason,omitzero"`    // why it cannot
	Warnings []string `json:"warnings,omitempty"` // what is wrong although it can, such as a backup that failed
}

// maxReadiness is more than any answer has, in bytes.
const maxReadiness = 1 << 20

// AskReadiness asks the daemon that answers at addr. One that gives no answer
// within the time that ctx leaves is not ready, and the reason says so; ok is
// false when it tells only those who know its token.
func AskReadiness(ctx context.Context, addr string) (r Readiness, ok bool) {
	r, status, err := askReadiness(ctx, addr)
	switch {
	case err != nil:
		return Readiness{Reason: fmt.Sprintf("it does not answer: %v", err)}, true
	case status == http.StatusUnauthorized:
		return Readiness{}, false
	}
	return r, true
}

func askReadiness(ctx context.Context, addr string) (r Readiness, status int, err error) {
	ask, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/readyz", nil)
	if err != nil {
		return r, 0, err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // without the proxy of the environment
	answer, err := client.Do(ask)
	if err != nil {
		return r, 0, err
	}
	defer answer.Body.Close()
	return r, answer.StatusCode, json.UnmarshalRead(io.LimitReader(answer.Body, maxReadiness), &r)
}
