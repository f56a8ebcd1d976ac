//go:build linux

package cluster

import (
	"context"
	"net"
	"sync"
	"time"
)

// The ports of every node, on its own machine.
const (
	portEtcd     = "2379"
	portPeer     = "2380"
	portPostgres = "5432"
	portPatroni  = "8008"
)

// A network carries what nodes say to each other, and what the test says to
// them. On each machine the others' addresses are listened to, and what comes
// is carried over.
type network struct {
	ctx     context.Context
	running sync.WaitGroup
}

// A line leads to a port of a node. When from is nil, it comes from outside,
// and no cut concerns it.
type line struct {
	from, to *Node
	port     string
}

func (w *network) connect(nodes []*Node) error {
	for _, to := range nodes {
		to.outside = map[string]string{}
		for _, port := range []string{portPostgres, portPatroni} {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			to.outside[port] = l.Addr().String()
			w.serve(l, line{to: to, port: port})
		}
		for _, from := range nodes {
			if from == to {
				continue
			}
			for _, port := range []string{portEtcd, portPeer, portPostgres, portPatroni} {
				l, err := from.machine.listen(net.JoinHostPort(to.address, port))
				if err != nil {
					return err
				}
				w.serve(l, line{from: from, to: to, port: port})
			}
		}
	}
	return nil
}

func (w *network) serve(l net.Listener, over line) {
	context.AfterFunc(w.ctx, func() { l.Close() })
	w.running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			w.running.Go(func() { w.carry(conn, over) })
		}
	})
}

// carry connects both ends until both have said all.
func (w *network) carry(conn net.Conn, over line) {
	defer conn.Close()
	if !over.open() {
		return
	}
	far, err := over.to.machine.dial(net.JoinHostPort(over.to.address, over.port))
	if err != nil {
		return // as refused as it is there
	}
	defer far.Close()
	defer context.AfterFunc(w.ctx, func() { conn.Close(); far.Close() })()
	var there sync.WaitGroup
	there.Go(func() { over.copy(far, conn) })
	over.copy(conn, far)
	there.Wait()
}

// copy carries bytes and then their end. While the line is cut they wait; when it
// heals they are lost, and the connection breaks, as if its peer had long
// forgotten it.
func (over line) copy(to, from net.Conn) {
	buffer := make([]byte, 64<<10)
	for {
		n, end := from.Read(buffer)
		passed := over.open()
		if passed && n > 0 {
			_, err := to.Write(buffer[:n])
			passed = err == nil
		}
		if !passed {
			from.Close()
			to.Close()
			return
		}
		if end != nil {
			to.(*net.TCPConn).CloseWrite()
			return
		}
	}
}

// open reports whether the line is open. When it is not, that takes until it is.
func (over line) open() bool {
	if over.from == nil {
		return true
	}
	passed := over.from.cut.pass()
	passed = over.to.cut.pass() && passed
	if over.port == portPostgres {
		passed = over.to.muted.pass() && passed
	}
	return passed
}

// A gate lets everybody pass unless it is closed; then they wait.
type gate struct {
	way    sync.RWMutex
	closed bool
}

// pass reports whether one could pass without waiting.
func (g *gate) pass() bool {
	passed := g.way.TryRLock()
	if !passed {
		g.way.RLock()
	}
	g.way.RUnlock()
	return passed
}

func (g *gate) close() {
	g.way.Lock()
	g.closed = true
}

// open may be called when it is.
func (g *gate) open() {
	if g.closed {
		g.closed = false
		g.way.Unlock()
	}
}

func (m *machine) listen(address string) (l net.Listener, err error) {
	err = m.do(func() error {
		l, err = net.Listen("tcp", address)
		return err
	})
	return l, err
}

func (m *machine) dial(address string) (c net.Conn, err error) {
	err = m.do(func() error {
		c, err = net.DialTimeout("tcp", address, time.Second)
		return err
	})
	return c, err
}
