//go:build linux

package cluster

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// A state is what Patroni says of a node.
type state struct {
	Name     string `json:"name"`
	Role     string `json:"role"`  // leader, sync_standby or replica
	State    string `json:"state"` // running or streaming when all is well
	Timeline int    `json:"timeline"`
	Lag      any    `json:"lag"` // behind the leader, in bytes, or "unknown"
}

func (s state) well() bool { return s.State == "running" || s.State == "streaming" }

// A view is what one node's Patroni says of all nodes; something old, perhaps,
// when it was cut off or frozen.
type view []state

// views asks all nodes, and returns what those say that answer.
func (c *Cluster) views() (all []view) {
	answers := make([]struct{ Members view }, size)
	var asking sync.WaitGroup
	for i, n := range c.nodes {
		asking.Go(func() { _ = n.ask(2*time.Second, http.MethodGet, "/cluster", nil, &answers[i]) })
	}
	asking.Wait()
	for _, a := range answers {
		if a.Members != nil {
			all = append(all, a.Members)
		}
	}
	return all
}

// with returns the node that has a role and is well, "" when there is none.
func (v view) with(role string) string {
	for _, s := range v {
		if s.Role == role && s.well() {
			return s.Name
		}
	}
	return ""
}

// healthy reports whether one node leads and all others follow closely.
func (v view) healthy() bool {
	for _, s := range v {
		lag, known := s.Lag.(float64)
		if follows := known && lag < 1<<20; !s.well() || s.Timeline != v[0].Timeline || s.Role != "leader" && !follows {
			return false
		}
	}
	return len(v) == size && v.with("leader") != "" && v.with("sync_standby") != ""
}

// Leader returns the node that leads, once most nodes say so.
func (c *Cluster) Leader() *Node { return c.awaited("leader") }

// Standby returns the node that confirms commits, once most nodes say so.
func (c *Cluster) Standby() *Node { return c.awaited("sync_standby") }

func (c *Cluster) awaited(role string) (node *Node) {
	c.t.Helper()
	c.within(2*time.Minute, "with a "+role, func() bool {
		votes := map[string]int{}
		for _, v := range c.views() {
			votes[v.with(role)]++
		}
		for _, n := range c.nodes {
			if votes[n.Name] > size/2 {
				node = n
			}
		}
		return node != nil
	})
	return node
}

// WaitHealthy waits until all nodes say that one leads and the others follow
// closely, one of them confirming commits.
func (c *Cluster) WaitHealthy() {
	c.t.Helper()
	c.within(3*time.Minute, "healthy", func() bool {
		all := c.views()
		for _, v := range all {
			if !v.healthy() || v.with("leader") != all[0].with("leader") || v.with("sync_standby") != all[0].with("sync_standby") {
				return false
			}
		}
		return len(all) == size
	})
}

// Switchover lets the standby take over from the leader.
func (c *Cluster) Switchover() {
	c.t.Helper()
	leader, standby := c.Leader(), c.Standby()
	err := leader.ask(time.Minute, http.MethodPost, "/switchover", object{"leader": leader.Name, "candidate": standby.Name}, nil)
	// It also says no when it has not seen the end of it in time.
	c.within(time.Minute, fmt.Sprintf("switched over (%v)", err), func() bool { return c.Leader() == standby })
}

// Restart restarts PostgreSQL on a node.
func (n *Node) Restart() {
	n.cluster.t.Helper()
	n.cluster.must(n.ask(time.Minute, http.MethodPost, "/restart", object{}, nil))
}

// ask sends a request to the node's Patroni.
func (n *Node) ask(limit time.Duration, method, path string, question, answer any) error {
	var body bytes.Buffer
	if question != nil {
		if err := json.NewEncoder(&body).Encode(question); err != nil {
			return err
		}
	}
	request, err := http.NewRequest(method, "http://"+n.outside[portPatroni]+path, &body)
	if err != nil {
		return err
	}
	client := http.Client{Timeout: limit, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s of %s: %s: %s", method, path, n.Name, response.Status, text)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(text, answer)
}

// describe says what every node that answers thinks of all.
func (c *Cluster) describe() string {
	var all strings.Builder
	for _, v := range c.views() {
		for _, s := range v {
			fmt.Fprintf(&all, "%s %s %s, timeline %d, lag %v\n", s.Name, s.Role, s.State, s.Timeline, s.Lag)
		}
		all.WriteByte('\n')
	}
	return all.String()
}
