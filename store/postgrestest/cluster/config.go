//go:build linux

package cluster

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// Patroni demands ttl >= loop_wait + 2 * retry_timeout, and a ttl of 20 s at
// least: how long a leader may be silent before another takes over.
const (
	ttl          = 20
	loopWait     = 3
	retryTimeout = 8
)

// object is what configuration files are made of: YAML, of which JSON is a part.
type object = map[string]any

func (n *Node) patroniConfig() string { return filepath.Join(n.folder, "patroni.yml") }

// configure writes the node's configuration of Patroni.
func (n *Node) configure() error {
	text, err := json.MarshalIndent(object{
		"scope":      "consensusd",
		"name":       n.Name,
		"restapi":    n.listens(portPatroni),
		"etcd":       object{"hosts": n.cluster.addresses(portEtcd)},
		"bootstrap":  object{"dcs": dynamic(), "initdb": []any{object{"encoding": "UTF8"}, object{"locale": "C.UTF-8"}, "data-checksums"}},
		"postgresql": n.postgres(),
	}, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(n.patroniConfig(), text, 0o600); err != nil {
		return err
	}
	return os.Chown(n.patroniConfig(), n.cluster.user.uid, n.cluster.user.gid)
}

// dynamic is what holds for all nodes.
func dynamic() object {
	return object{
		"ttl": ttl, "loop_wait": loopWait, "retry_timeout": retryTimeout,
		"maximum_lag_on_failover": 1 << 20,
		"primary_start_timeout":   ttl,
		"synchronous_mode":        true,
		"synchronous_mode_strict": true,
		"postgresql": object{
			"use_pg_rewind": true,
			"use_slots":     true,
			"parameters": object{
				"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on",
				"max_connections": 60, "shared_buffers": "32MB",
				"min_wal_size": "32MB", "max_wal_size": "64MB", "wal_keep_size": "32MB", "checkpoint_timeout": "30s",
				"wal_sender_timeout": "30s", "wal_receiver_timeout": "30s",
			},
		},
	}
}

func (n *Node) postgres() object {
	user := func(name string) object { return object{"username": name, "password": password} }
	config := n.listens(portPostgres)
	config["data_dir"] = filepath.Join(n.disk(), "data")
	config["bin_dir"] = n.cluster.programs.bin
	config["pgpass"] = filepath.Join(n.folder, "pgpass")
	config["authentication"] = object{"superuser": user("postgres"), "replication": user("replicator"), "rewind": user("rewinder")}
	config["pg_hba"] = []string{"host all all 127.0.0.0/8 scram-sha-256", "host replication replicator 127.0.0.0/8 scram-sha-256"}
	config["parameters"] = object{"unix_socket_directories": ""}
	config["remove_data_directory_on_rewind_failure"] = true
	config["remove_data_directory_on_diverged_timelines"] = true
	return config
}

func (n *Node) listens(port string) object {
	address := net.JoinHostPort(n.address, port)
	return object{"listen": address, "connect_address": address}
}

// etcdArguments start etcd. Patroni speaks its older protocol: over the newer
// one, before version 3.0.3, a leader that was cut off overwrites the lock that it
// lost, and with it what its successor recorded (github.com/patroni/patroni/pull/2689).
// The folder is not on the small disk: a node whose disk is full for PostgreSQL
// still knows who leads.
func (n *Node) etcdArguments() []string {
	var all []string
	for i := range size {
		all = append(all, nodeName(i)+"="+peer(nodeAddress(i)))
	}
	client := "http://" + net.JoinHostPort(n.address, portEtcd)
	return []string{
		"--name", n.Name, "--data-dir", filepath.Join(n.folder, "etcd"),
		"--listen-client-urls", client, "--advertise-client-urls", client,
		"--listen-peer-urls", peer(n.address), "--initial-advertise-peer-urls", peer(n.address),
		"--initial-cluster", strings.Join(all, ","), "--initial-cluster-state", "new",
		"--enable-v2", "--heartbeat-interval", "200", "--election-timeout", "2000",
	}
}

func peer(address string) string { return "http://" + net.JoinHostPort(address, portPeer) }

func nodeName(i int) string    { return fmt.Sprintf("node%d", i+1) }
func nodeAddress(i int) string { return fmt.Sprintf("127.0.1.%d", i+1) }

func (c *Cluster) addresses(port string) (all []string) {
	for i := range size {
		all = append(all, net.JoinHostPort(nodeAddress(i), port))
	}
	return all
}
