package natsserver

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"github.com/lazi/lazisync/dev/ports"
)

// Routes are the links between the servers of a cluster, by which a server can be disconnected
// from the others while its clients stay connected.
type Routes struct {
	Ports []int     // for routes, by server
	links [][]*Link // from server, to server; nil to itself
}

// NewRoutes links so many servers with each other. Close them in the end.
func NewRoutes(servers int) (*Routes, error) {
	free, err := ports.Free(servers)
	if err != nil {
		return nil, err
	}
	r := &Routes{Ports: free, links: make([][]*Link, servers)}
	for i := range servers {
		r.links[i] = make([]*Link, servers)
		for j := range servers {
			if i == j {
				continue
			}
			if r.links[i][j], err = NewLink(ports.Addr(free[j])); err != nil {
				r.Close()
				return nil, err
			}
		}
	}
	return r, nil
}

// Node returns the options of a server.
func (r *Routes) Node(i int) *Node {
	n := &Node{Port: r.Ports[i]}
	for _, link := range r.links[i] {
		if link != nil {
			n.Routes = append(n.Routes, link.Addr())
		}
	}
	return n
}

// Disconnect disconnects a server from the others. Its clients stay connected.
func (r *Routes) Disconnect(i int) { r.each(i, (*Link).Interrupt) }

// Connect connects a server to the others again.
func (r *Routes) Connect(i int) { r.each(i, (*Link).Restore) }

// Close closes all links.
func (r *Routes) Close() {
	for i := range r.links {
		r.each(i, (*Link).Close)
	}
}

// each calls f for the links from and to a server.
func (r *Routes) each(i int, f func(*Link)) {
	for j := range r.links {
		for _, link := range []*Link{r.links[i][j], r.links[j][i]} {
			if link != nil {
				f(link)
			}
		}
	}
}

// ClusterSize is the number of servers of a Cluster.
const ClusterSize = 3

// Cluster is three servers in this process. Stop is orderly: a server hands over its leaderships
// first. For a crash, disconnect the server, or run servers in processes of their own and kill
// them.
type Cluster struct {
	Routes *Routes

	options [ClusterSize]Options
	servers [ClusterSize]*Server // nil while stopped
}

// StartCluster starts a cluster with its streams in dir, and returns when it can create streams.
// Close it in the end.
func StartCluster(ctx context.Context, dir string, log zerolog.Logger) (*Cluster, error) {
	routes, err := NewRoutes(ClusterSize)
	if err != nil {
		return nil, err
	}
	c := &Cluster{Routes: routes}
	free, err := ports.Free(ClusterSize)
	if err != nil {
		c.Close()
		return nil, err
	}
	for i := range c.options {
		name := NodeName(i)
		c.options[i] = Options{Name: name, Dir: filepath.Join(dir, name), Port: free[i], Node: routes.Node(i), Log: log}
		if err := c.Start(ctx, i); err != nil {
			c.Close()
			return nil, err
		}
	}
	err = c.AwaitComplete(ctx)
	if err == nil {
		err = c.awaitPlacement(ctx)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// awaitPlacement waits until a stream can have a replica on each server: a moment after the election, the leader
// does not know the storage of the other servers yet.
func (c *Cluster) awaitPlacement(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	client, err := nats.Connect(c.URL())
	if err != nil {
		return fmt.Errorf("the NATS cluster accepts no connection: %w", err)
	}
	defer client.Close()
	js, err := jetstream.New(client)
	if err != nil {
		return err
	}
	for {
		err := place(ctx, js)
		if err == nil {
			return nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("the NATS cluster creates no stream with %d replicas: %w", ClusterSize, err)
		}
	}
}

// place creates a stream with a replica on each server, and deletes it.
func place(ctx context.Context, js jetstream.JetStream) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	probe := jetstream.StreamConfig{Name: "PROBE", Subjects: []string{"probe"}, Replicas: ClusterSize}
	if _, err := js.CreateOrUpdateStream(ctx, probe); err != nil {
		return err
	}
	return js.DeleteStream(ctx, probe.Name)
}

// NodeName returns the name of a server of a cluster: n0, n1 and so on.
func NodeName(i int) string { return fmt.Sprintf("n%d", i) }

// Start starts a stopped server, with the streams that it has on disk.
func (c *Cluster) Start(ctx context.Context, i int) (err error) {
	c.servers[i], err = Start(ctx, c.options[i])
	return err
}

// Stop stops a server.
func (c *Cluster) Stop(i int) {
	if s := c.servers[i]; s != nil {
		s.Stop()
		c.servers[i] = nil
	}
}

// Wipe deletes everything that a stopped server has on disk.
func (c *Cluster) Wipe(i int) error { return os.RemoveAll(c.options[i].Dir) }

// Close stops all servers.
func (c *Cluster) Close() {
	for i := range c.servers {
		c.Stop(i)
	}
	c.Routes.Close()
}

// URL returns the addresses of all servers.
func (c *Cluster) URL() string {
	urls := make([]string, ClusterSize)
	for i := range urls {
		urls[i] = c.ServerURL(i)
	}
	return strings.Join(urls, ",")
}

// ServerURL returns the address of one server.
func (c *Cluster) ServerURL(i int) string { return "nats://" + ports.Addr(c.options[i].Port) }

// Leader returns the server that leads a stream, and false if none does.
func (c *Cluster) Leader(stream string) (int, bool) {
	for i, s := range c.servers {
		if s != nil && s.nats.JetStreamIsStreamLeader(server.DEFAULT_GLOBAL_ACCOUNT, stream) {
			return i, true
		}
	}
	return 0, false
}

// AwaitComplete waits until the cluster has a leader and each server has all of the cluster's
// state.
func (c *Cluster) AwaitComplete(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for !c.complete() {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("the NATS cluster is not complete: %w", ctx.Err())
		}
	}
	return nil
}

func (c *Cluster) complete() bool {
	leaders := 0
	for _, s := range c.servers {
		if s == nil || !s.nats.JetStreamIsCurrent() || len(s.nats.JetStreamClusterPeers()) < ClusterSize && s.nats.JetStreamIsLeader() {
			return false
		}
		if s.nats.JetStreamIsLeader() {
			leaders++
		}
	}
	return leaders == 1
}
