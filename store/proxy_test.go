package store

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
)

// A proxy is a way to a PostgreSQL server on which a COMMIT can have an accident.
type proxy struct {
	server string
	next   atomic.Int32 // the accident of the next COMMIT, whoever sends it
}

// Accidents.
const (
	none         = iota
	commitLost   // the connection breaks before the server has the COMMIT
	answerLost   // it breaks after the server has committed, before it says so
	answerAtOnce // all that the server says comes in one piece, as to a client that is slow
)

// newProxy returns a proxy, and the address that leads through it to the database.
func newProxy(t *testing.T, database string) (p *proxy, through string) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p = &proxy{}
	through = changed(t, database, func(u *url.URL) { p.server, u.Host = u.Host, l.Addr().String() }) + "?sslmode=disable"
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { p.connect(client) })
		}
	})
	t.Cleanup(func() { // after the stores are closed, and so all connections
		l.Close()
		wg.Wait()
	})
	return p, through
}

// connect passes messages on until either side closes.
func (p *proxy) connect(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp4", p.server)
	if err != nil {
		return
	}
	var accident atomic.Int32 // of this connection
	var wg sync.WaitGroup
	wg.Go(func() {
		defer client.Close()
		passAnswers(client, bufio.NewReader(server), &accident)
	})
	defer wg.Wait()
	defer server.Close()
	from := bufio.NewReader(client)
	for begun := false; ; begun = true { // The first message has no type.
		m, err := message(from, begun)
		if err != nil {
			return
		}
		if begun && m[0] == 'Q' && bytes.EqualFold(m[5:], []byte("commit\x00")) {
			accident.Store(p.next.Swap(none))
		}
		if accident.Load() == commitLost {
			return
		}
		if _, err := server.Write(m); err != nil {
			return
		}
	}
}

// passAnswers passes on what a server says.
func passAnswers(client io.Writer, server *bufio.Reader, accident *atomic.Int32) {
	for held := []byte(nil); ; {
		m, err := message(server, true)
		if err != nil {
			return
		}
		const readyForQuery = 'Z'
		if accident.Load() != none && m[0] != readyForQuery {
			held = append(held, m...)
			continue
		}
		if accident.Swap(none) == answerLost {
			return
		}
		if _, err := client.Write(append(held, m...)); err != nil {
			return
		}
		held = nil
	}
}

// message reads a message of PostgreSQL's protocol: its type, if it has one,
// four bytes of length, and what that counts.
func message(r *bufio.Reader, typed bool) ([]byte, error) {
	head := make([]byte, 4, 5)
	if typed {
		head = head[:5]
	}
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	m := make([]byte, len(head)-4+int(binary.BigEndian.Uint32(head[len(head)-4:])))
	_, err := io.ReadFull(r, m[copy(m, head):])
	return m, err
}
