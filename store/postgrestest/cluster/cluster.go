//go:build linux

// Package cluster runs a private, highly available PostgreSQL for tests: three
// nodes, each with etcd, Patroni and PostgreSQL, in strict synchronous mode. A
// commit that is acknowledged is then on two nodes, and nothing that happens to
// one of them may lose it.
//
// Each node has processes, a network and a small disk of its own, in namespaces
// of the kernel. So a node can be killed, frozen, cut off from the others and
// filled up, and however the test ends, the kernel ends and unmounts everything.
// This needs root.
package cluster

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// The role that owns the database, and the superuser's password.
const (
	role     = "consensusd"
	password = "p@ss word/1" // which URLs must escape
)

// size is the number of nodes: the least of which one may fail.
const size = 3

// A Cluster is three nodes. Its methods fail the test when they fail.
type Cluster struct {
	t        testing.TB
	folder   string
	user     *unixUser
	programs *programs
	network  *network
	nodes    []*Node
}

// Start starts a cluster for the duration of a test and waits until it is
// healthy.
func Start(t testing.TB) *Cluster {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("run this test as root: it gives each node of a cluster processes, a network and a disk of its own")
	}
	c := &Cluster{t: t}
	var err error
	c.user, err = unprivileged()
	c.must(err)
	c.programs, err = findPrograms()
	c.must(err)
	c.folder, err = os.MkdirTemp("", "consensusd cluster ")
	c.must(err)
	t.Cleanup(func() { c.must(os.RemoveAll(c.folder)) })
	c.must(os.Chmod(c.folder, 0o755))
	ctx, stop := context.WithCancel(context.Background())
	c.network = &network{ctx: ctx}
	t.Cleanup(func() { stop(); c.network.running.Wait() })
	for i := range size {
		c.must(c.addNode(i))
	}
	c.must(c.network.connect(c.nodes))
	for _, n := range c.nodes {
		n.Start()
	}
	c.WaitHealthy()
	c.createDatabase()
	return c
}

func (c *Cluster) addNode(i int) error {
	n := &Node{Name: nodeName(i), address: nodeAddress(i), cluster: c}
	n.folder = filepath.Join(c.folder, n.Name)
	for _, dir := range []string{n.folder, n.disk()} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
		if err := os.Chown(dir, c.user.uid, c.user.gid); err != nil {
			return err
		}
	}
	m, err := startMachine(n.disk(), c.user)
	if err != nil {
		return fmt.Errorf("start the machine of %s: %w", n.Name, err)
	}
	n.machine = m
	c.t.Cleanup(func() { n.Heal(); n.Unmute(); c.must(m.close()) })
	c.nodes = append(c.nodes, n)
	return n.configure()
}

// DSN returns the URL of a database of its own, with all three nodes in it.
func (c *Cluster) DSN() string {
	u := c.url(role, role, c.nodes...)
	u.RawQuery = "target_session_attrs=read-write"
	return u.String()
}

func (c *Cluster) url(user, database string, nodes ...*Node) *url.URL {
	var hosts []string
	for _, n := range nodes {
		hosts = append(hosts, n.outside[portPostgres])
	}
	return &url.URL{Scheme: "postgres", User: url.UserPassword(user, password), Host: strings.Join(hosts, ","), Path: database}
}

// createDatabase creates the database and the unprivileged role that owns it.
func (c *Cluster) createDatabase() {
	c.t.Helper()
	conn, err := pgx.Connect(c.t.Context(), c.url("postgres", "postgres", c.Leader()).String())
	c.must(err)
	defer conn.Close(context.Background())
	for _, statement := range []string{"CREATE ROLE " + role + " LOGIN PASSWORD '" + password + "'", "CREATE DATABASE " + role + " OWNER " + role} {
		_, err := conn.Exec(c.t.Context(), statement)
		c.must(err)
	}
	for _, n := range c.nodes {
		c.within(time.Minute, "with its database on "+n.Name, func() bool { return n.admits(role, role) })
	}
}

// admits reports whether a role can connect to a database of the node.
func (n *Node) admits(role, database string) bool {
	ctx := n.cluster.t.Context()
	conn, err := pgx.Connect(ctx, n.cluster.url(role, database, n).String())
	return err == nil && conn.Close(ctx) == nil
}

// Tails returns the ends of all logs.
func (c *Cluster) Tails(lines int) string {
	var all strings.Builder
	logs, err := filepath.Glob(filepath.Join(c.folder, "*", "*.log"))
	c.must(err)
	for _, log := range logs {
		text, err := os.ReadFile(log)
		c.must(err)
		last := strings.Split(strings.TrimSpace(string(text)), "\n")
		last = last[max(0, len(last)-lines):]
		fmt.Fprintf(&all, "--- %s\n%s\n", strings.TrimPrefix(log, c.folder), strings.Join(last, "\n"))
	}
	return all.String()
}

func (c *Cluster) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// within asks again and again until there is an answer.
func (c *Cluster) within(limit time.Duration, what string, answered func() bool) {
	c.t.Helper()
	for deadline := time.Now().Add(limit); !answered(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			c.t.Fatalf("not %s within %v\n%s\n%s", what, limit, c.describe(), c.Tails(30))
		}
	}
}

// programs are the paths of what a cluster runs; bin is the folder of
// PostgreSQL's.
type programs struct{ etcd, patroni, bin string }

// findPrograms looks for the newest PostgreSQL where Debian keeps it, else on
// the path.
func findPrograms() (*programs, error) {
	p := &programs{}
	for name, path := range map[string]*string{"etcd": &p.etcd, "patroni": &p.patroni} {
		found, err := exec.LookPath(name)
		if err != nil {
			return nil, fmt.Errorf("%w; install PostgreSQL, Patroni and etcd", err)
		}
		*path = found
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil {
		return nil, err
	}
	if path, err := exec.LookPath("postgres"); err == nil && len(found) == 0 {
		found = []string{path}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no program postgres in /usr/lib/postgresql/*/bin or on the path; install PostgreSQL")
	}
	p.bin = filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) }))
	return p, nil
}

// version returns the 15 of /usr/lib/postgresql/15/bin/postgres.
func version(path string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
	return n
}
