package stream

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	leaderInterval = 5 * time.Second // between two checks
	leaderMisses   = 3               // consecutive checks without a leader, longer than an election
)

// codeNoLeader is the server's error while it knows no leader of the cluster, or of a stream.
const codeNoLeader jetstream.ErrorCode = 10008

// watchLeader connects to another server of the cluster if the connected one knows no leader, until
// the connection is closed. A server that is disconnected from most others keeps its clients, but
// cannot store or deliver anything for them.
func (c *Conn) watchLeader() {
	ticker := time.NewTicker(leaderInterval)
	defer ticker.Stop()
	for misses := 0; ; {
		select {
		case <-c.closed:
			return
		case <-ticker.C:
		}
		if len(c.nc.Servers()) < 2 || !c.nc.IsConnected() || c.hasLeader() {
			misses = 0
			continue
		}
		if misses++; misses < leaderMisses {
			continue
		}
		misses = 0
		c.log.Warn().Str("server", c.nc.ConnectedUrlRedacted()).Msg("NATS server knows no leader, connecting to another one")
		_ = c.nc.ForceReconnect() // fails only if the connection is closed
	}
}

// hasLeader returns false if the server says that the event stream has no leader. Any other error
// says nothing about the leader.
func (c *Conn) hasLeader() bool {
	ctx, cancel := context.WithTimeout(context.Background(), leaderInterval)
	defer cancel()
	found, err := c.js.Stream(ctx, StreamEvents)
	var refused *jetstream.APIError
	if errors.As(err, &refused) {
		return refused.ErrorCode != codeNoLeader
	}
	return err != nil || replicaState(found.CachedInfo().Cluster).Leader != ""
}
