package serve

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const secret = "correct-horse-battery-staple"

// start serves on a free port until the test ends, and returns the address.
func start(t *testing.T, tokenFile string, ready func(context.Context) error) string {
	t.Helper()
	s, err := Listen("127.0.0.1:0", tokenFile)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, Handler(ready, none, Metrics(Build{}, still))) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		if _, err := net.DialTimeout("tcp", s.Addr(), time.Second); err == nil {
			t.Error("still listening after Run has returned")
		}
	})
	return s.Addr()
}

func tokenFile(t *testing.T, token string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

type ask struct {
	method, path, host, token string
}

func (a ask) of(t *testing.T, addr string) (status int, header http.Header, body string) {
	t.Helper()
	method := a.method
	if method == "" {
		method = http.MethodGet
	}
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+addr+a.path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = a.host
	if a.token != "" {
		r.Header.Set("Authorization", a.token)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header, string(b)
}

func fine(context.Context) error { return nil }

func none() []string { return nil }

func TestHealthAndReadiness(t *testing.T) {
	full := func(context.Context) error { return errors.New("probe: disk is full") }
	tests := map[string]struct {
		ready func(context.Context) error
		ask   ask
		want  int
		body  string
	}{
		"alive":                 {fine, ask{path: "/healthz"}, 200, `{"status":"ok"}`},
		"alive though not able": {full, ask{path: "/healthz"}, 200, `{"status":"ok"}`},
		"ready":                 {fine, ask{path: "/readyz"}, 200, `{"ready":true}`},
		"not ready":             {full, ask{path: "/readyz"}, 503, `{"ready":false,"reason":"probe: disk is full"}`},
		"HEAD":                  {full, ask{path: "/readyz", method: "HEAD"}, 503, ``},
		"POST":                  {fine, ask{path: "/readyz", method: "POST"}, 405, `"code":"method_not_allowed"`},
		"elsewhere":             {fine, ask{path: "/etc/passwd"}, 404, `"code":"not_found"`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			status, header, body := tt.ask.of(t, start(t, "", tt.ready))
			if status != tt.want || !strings.Contains(body, tt.body) || tt.body == "" && body != "" {
				t.Errorf("status %d, body %q; want %d, %q", status, body, tt.want, tt.body)
			}
			if got := header.Get("Cache-Control"); got != "no-store" {
				t.Errorf("Cache-Control: %q", got)
			}
			if got := header.Get("Content-Type"); !strings.HasPrefix(got, "application/json") {
				t.Errorf("Content-Type: %q", got)
			}
		})
	}
}

func TestOnlyWhoKnowsTheTokenIsAnswered(t *testing.T) {
	addr := start(t, tokenFile(t, secret), fine)
	tests := map[string]struct {
		ask  ask
		want int
	}{
		"health is for everybody": {ask{path: "/healthz"}, 200},
		"none":                    {ask{path: "/readyz"}, 401},
		"right":                   {ask{path: "/readyz", token: "Bearer " + secret}, 200},
		"scheme in lower case":    {ask{path: "/readyz", token: "bearer " + secret}, 200},
		"wrong":                   {ask{path: "/readyz", token: "Bearer " + secret + "r"}, 401},
		"beginning":               {ask{path: "/readyz", token: "Bearer " + secret[:5]}, 401},
		"empty":                   {ask{path: "/readyz", token: "Bearer "}, 401},
		"another scheme":          {ask{path: "/readyz", token: "Basic " + secret}, 401},
		"no path around it":       {ask{path: "/healthz/../readyz"}, 401},
		"no figures without it":   {ask{path: "/metrics"}, 401},
		"figures with it":         {ask{path: "/metrics", token: "Bearer " + secret}, 200},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if status, _, body := tt.ask.of(t, addr); status != tt.want {
				t.Errorf("status %d, want %d: %s", status, tt.want, body)
			}
		})
	}
}

func TestAForeignHostNameIsRefusedOnLoopback(t *testing.T) {
	addr := start(t, "", fine)
	for host, want := range map[string]int{
		"":                       200,
		"localhost":              200,
		"LocalHost:7910":         200,
		"127.0.0.1":              200,
		"127.8.9.10:80":          200,
		"[::1]:7910":             200,
		"evil.example":           421,
		"localhost.evil.example": 421,
		"127.0.0.1.nip.io:7910":  421,
		"192.168.1.1":            421,
	} {
		if status, _, body := (ask{path: "/healthz", host: host}).of(t, addr); status != want {
			t.Errorf("Host %q: status %d, want %d: %s", host, status, want, body)
		}
	}
}

func TestAnAddressOthersReachNeedsAToken(t *testing.T) {
	for _, addr := range []string{":0", "0.0.0.0:0", "[::]:0"} {
		if s, err := Listen(addr, ""); !errors.Is(err, ErrNeedsToken) {
			t.Errorf("Listen(%q): %v, want ErrNeedsToken", addr, err)
			if err == nil {
				s.Close()
			}
		}
	}
	s, err := Listen("0.0.0.0:0", tokenFile(t, secret))
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
}

func TestAddressesAndTokensThatAreNone(t *testing.T) {
	for name, try := range map[string][2]string{
		"no port":     {"127.0.0.1", ""},
		"short token": {"127.0.0.1:0", tokenFile(t, "guess")},
		"no token":    {"127.0.0.1:0", tokenFile(t, "")},
		"no file":     {"127.0.0.1:0", filepath.Join(t.TempDir(), "none")},
	} {
		if s, err := Listen(try[0], try[1]); err == nil {
			s.Close()
			t.Errorf("%s: listens on %s", name, s.Addr())
		}
	}
}

func TestRequestsUnderWayAreAnsweredAtTheEnd(t *testing.T) {
	s, err := Listen("127.0.0.1:0", "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- s.Run(ctx, Handler(func(context.Context) error {
			stop()
			return nil
		}, none, Metrics(Build{}, still)))
	}()
	if status, _, body := (ask{path: "/readyz"}).of(t, s.Addr()); status != 200 {
		t.Errorf("status %d: %s", status, body)
	}
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
}

func TestRunSaysWhenItCannotServe(t *testing.T) {
	s, err := Listen("127.0.0.1:0", "")
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if err := s.Run(t.Context(), Handler(fine, none, Metrics(Build{}, still))); err == nil {
		t.Error("serving on a closed listener was no error")
	}
}

func TestReadinessWarnsOfWhatIsWrongBeside(t *testing.T) {
	warn := func() []string { return []string{"last backup failed"} }
	for want, ready := range map[string]func(context.Context) error{
		`{"ready":true,"warnings":["last backup failed"]}`:                  fine,
		`{"ready":false,"reason":"full","warnings":["last backup failed"]}`: func(context.Context) error { return errors.New("full") },
	} {
		w := httptest.NewRecorder()
		Handler(ready, warn, Metrics(Build{}, still)).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
		if got := strings.TrimSpace(w.Body.String()); got != want || (w.Code == http.StatusOK) != (ready(t.Context()) == nil) {
			t.Errorf("%d %s, want %s", w.Code, got, want)
		}
	}
}
