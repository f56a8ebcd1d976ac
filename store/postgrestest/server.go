package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os/exec"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
)

// A Server is a running PostgreSQL server. Its methods may be called by many
// tests at a time, but for Kill and Restart.
type Server struct {
	folder   *folder
	program  string
	process  *process
	port     int
	password string // of every role
	own      bool
	made     atomic.Int64 // databases and bouncers so far
}

// start makes a server with its roles.
func start() (*Server, error) {
	initdb, postgres, err := postgresPrograms()
	if err != nil {
		return nil, err
	}
	f, err := newFolder()
	if err != nil {
		return nil, err
	}
	s := &Server{folder: f, program: postgres, password: newPassword()}
	if err := s.create(initdb); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	if s.port, s.process, err = onFreePort(s.launch); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := execute(ctx, s.url(Superuser, "template1"), roles(s.password)); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

// launch returns the process of a server that answers at the port.
func (s *Server) launch(port int) (*process, error) {
	p, err := s.folder.launch(syscall.SIGQUIT, s.program, "-D", "data",
		"-c", "config_file=postgresql.conf", "-p", strconv.Itoa(port))
	if err != nil {
		return nil, err
	}
	if err := p.answers(s.urlAt(port, Superuser, "postgres")); err != nil {
		p.end(immediate, syscall.SIGKILL)
		return nil, err
	}
	return p, nil
}

// What PostgreSQL does on signals: a fast shutdown ends the sessions and writes
// a checkpoint; an immediate one is a crash, recovered from at the next start.
const (
	fast      = syscall.SIGINT
	immediate = syscall.SIGQUIT
)

// Kill ends the server at once, as a crash does: what was not committed is
// lost. It returns when nobody listens at its port any more.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	s.mustBeOwn(t)
	s.process.end(immediate, syscall.SIGKILL)
}

// Restart starts the server again, on its port and with its data, and returns
// when it answers. If it runs, it is shut down first as administrators do.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.mustBeOwn(t)
	s.process.end(fast, immediate, syscall.SIGKILL)
	p, err := s.launch(s.port)
	if err != nil {
		t.Fatal(err)
	}
	s.process = p
}

func (s *Server) mustBeOwn(t testing.TB) {
	t.Helper()
	if !s.own {
		t.Fatal("other tests use this server too: take one of StartOwn")
	}
}

// stop ends the server, if it runs, and removes its files.
func (s *Server) stop() error {
	if s.process != nil {
		s.process.end(fast, immediate, syscall.SIGKILL)
	}
	return s.folder.remove()
}

// onFreePort calls launch with a free port, and with another one if the process
// ends: somebody may have been quicker to take the port.
func onFreePort(launch func(port int) (*process, error)) (port int, p *process, err error) {
	for range 5 {
		if port, err = freePort(); err != nil {
			return 0, nil, err
		}
		p, err = launch(port)
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			return port, p, err
		}
	}
	return 0, nil, err
}

// freePort returns a port that no outgoing connection is given by the system,
// so that it is still free after a Kill.
func freePort() (port int, err error) {
	for range 100 {
		port = 20000 + rand.IntN(10000)
		l, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return port, l.Close()
		}
	}
	return 0, fmt.Errorf("no free port: %w", err)
}
