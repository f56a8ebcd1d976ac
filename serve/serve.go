// Package serve answers over HTTP, and gives answers the JSON shape that they
// have everywhere: over HTTP and on the command line.
package serve

import (
	"context"
	"net/http"
	"time"
)

// readyTimeout bounds how long /readyz lets a busy database keep it waiting.
const readyTimeout = 3 * time.Second

// Handler answers /healthz, that the process lives, /readyz, whether it can
// record now, and /metrics. ready returns nil when it can, else why not. What is
// wrong although it can, warnings says.
func Handler(ready func(context.Context) error, warnings func() []string, metrics http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/metrics", metrics)
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, health{Status: "ok"})
	})
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
		defer cancel()
		if err := ready(ctx); err != nil {
			reply(w, http.StatusServiceUnavailable, Readiness{Reason: err.Error(), Warnings: warnings()})
			return
		}
		reply(w, http.StatusOK, Readiness{Ready: true, Warnings: warnings()})
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusNotFound, Error{Code: "not_found", Message: "there is nothing here", Hint: "ask for /healthz, /readyz or /metrics"})
	})
	return readOnly(mux)
}

type health struct {
	Status string `json:"status"`
}

// readOnly refuses whatever might change something.
func readOnly(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			refuse(w, http.StatusMethodNotAllowed, Error{Code: "method_not_allowed", Message: "only GET and HEAD are answered", Hint: "write documents into the inbox"})
			return
		}
		h.ServeHTTP(w, r)
	})
}

func refuse(w http.ResponseWriter, status int, e Error) { reply(w, status, Failure{e}) }

// reply sends data as JSON that nobody may keep. An error in sending is the
// client's, who has gone.
func reply(w http.ResponseWriter, status int, data any) {
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	Write(w, data)
}
