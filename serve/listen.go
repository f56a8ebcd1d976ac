package serve

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// ErrNeedsToken reports an address that others can reach, and no token that
// would keep them out.
var ErrNeedsToken = errors.New("an address other than loopback needs a token file")

// ErrToken reports a token file that cannot be read, or a token that could be guessed.
var ErrToken = errors.New("no token to be used")

// A Server listens, but answers nobody before [Server.Run].
type Server struct {
	listener net.Listener
	host     string // as configured
	token    []byte // nil when none is asked for
}

// minToken keeps tokens from being guessed.
const minToken = 16

// Listen takes the address. With a token file, whoever asks must know the
// token in it; without one only a loopback address is taken, else the error is
// [ErrNeedsToken]. A token file that is of no use is [ErrToken].
func Listen(addr, tokenFile string) (*Server, error) {
	s := &Server{}
	if tokenFile != "" {
		b, err := os.ReadFile(tokenFile)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrToken, err)
		}
		if s.token = bytes.TrimSpace(b); len(s.token) < minToken {
			return nil, fmt.Errorf("%w: that in %s has %d characters, at least %d are needed", ErrToken, tokenFile, len(s.token), minToken)
		}
	}
	var err error
	if s.host, _, err = net.SplitHostPort(addr); err != nil {
		return nil, fmt.Errorf("listen on %q: %w", addr, err)
	}
	if s.listener, err = net.Listen("tcp", addr); err != nil {
		return nil, err
	}
	if s.token == nil && !s.onLoopback() {
		s.listener.Close()
		return nil, fmt.Errorf("listen on %s: %w", addr, ErrNeedsToken)
	}
	return s, nil
}

// Addr returns the address that was taken, with its port.
func (s *Server) Addr() string { return s.listener.Addr().String() }

func (s *Server) onLoopback() bool {
	tcp, ok := s.listener.Addr().(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// Close gives the address back. After Run it does nothing.
func (s *Server) Close() error { return s.listener.Close() }

// shutdownPatience is how long requests under way may take at the end.
const shutdownPatience = 3 * time.Second

// Run answers with h until ctx is done, and returns when nobody is being
// answered any more.
func (s *Server) Run(ctx context.Context, h http.Handler) error {
	server := &http.Server{
		Handler:           s.guard(h),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		patience, cancel := context.WithTimeout(context.Background(), shutdownPatience)
		defer cancel()
		stopped <- errors.Join(server.Shutdown(patience), server.Close())
	})
	err := server.Serve(s.listener)
	if stop() { // ctx is not done: serving failed
		return fmt.Errorf("serve %s: %w", s.Addr(), err)
	}
	if err := <-stopped; err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("stop serving %s: %w", s.Addr(), err)
	}
	return nil
}

// guard refuses who is not meant to ask. A web page that had its own name point
// to this machine would be taken for a neighbour, were it not for the Host it
// sends.
func (s *Server) guard(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case s.onLoopback() && !s.isMyName(r.Host):
			refuse(w, http.StatusMisdirectedRequest, Error{Code: "wrong_host", Message: "this server does not go by that name", Hint: "ask http://" + s.Addr()})
		case s.token != nil && r.URL.Path != "/healthz" && !s.knowsToken(r):
			w.Header().Set("WWW-Authenticate", "Bearer")
			refuse(w, http.StatusUnauthorized, Error{Code: "unauthorized", Message: "the token is missing or wrong", Hint: "send it as Authorization: Bearer TOKEN"})
		default:
			h.ServeHTTP(w, r)
		}
	})
}

// isMyName reports whether the Host of a request names this machine or what
// was configured.
func (s *Server) isMyName(hostPort string) bool {
	host, _, err := net.SplitHostPort(hostPort)
	if err != nil {
		host = hostPort
	}
	host = strings.TrimSuffix(strings.Trim(host, "[]"), ".")
	if strings.EqualFold(host, "localhost") || strings.EqualFold(host, s.host) {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// knowsToken compares hashes: in the same time wherever and however long the
// texts differ.
func (s *Server) knowsToken(r *http.Request) bool {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	want, have := sha256.Sum256(s.token), sha256.Sum256([]byte(strings.TrimSpace(token)))
	return strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare(want[:], have[:]) == 1
}
