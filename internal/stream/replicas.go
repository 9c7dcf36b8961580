package stream

import (
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// ReplicaState describes the replicas of a stream or consumer in a cluster of NATS servers. A
// single server is the leader of all its streams.
type ReplicaState struct {
	Leader  string   // server that serves requests; "" if it has none, and nothing can be stored or read
	Others  int      // number of further replicas
	Offline []string // servers of replicas that are disconnected from the leader
	Behind  []string // servers of replicas that do not have everything yet, and how much they lack
}

// offlineAfter is how long a server may be silent until it counts as offline. The servers send
// heartbeats every second, but report a killed server as offline only after a minute and a half.
const offlineAfter = 5 * time.Second

// replicaState reads the state from the answer of a server, which is nil without a cluster.
func replicaState(info *jetstream.ClusterInfo) ReplicaState {
	if info == nil {
		return ReplicaState{Leader: "nats-server"}
	}
	s := ReplicaState{Leader: info.Leader, Others: len(info.Replicas)}
	for _, r := range info.Replicas {
		switch {
		case r.Offline, !r.Current && r.Active > offlineAfter:
			s.Offline = append(s.Offline, r.Name)
		case !r.Current:
			s.Behind = append(s.Behind, fmt.Sprintf("%s by %d operations", r.Name, r.Lag))
		}
	}
	return s
}

// leaderError is the lack of a leader.
type leaderError struct{ object string }

func (e *leaderError) Error() string {
	return e.object + " has no leader: no server can store or deliver its messages"
}

// FixLeader says what to do if a stream or consumer has no leader.
const FixLeader = "start the NATS servers that store it and connect them with each other: more than half of its replicas must be online; " +
	"after an election, which takes up to ten seconds, it has a leader"

// checkLeader returns an error if a stream or consumer has no leader.
func checkLeader(object string, info *jetstream.ClusterInfo) error {
	if replicaState(info).Leader == "" {
		return &leaderError{object}
	}
	return nil
}

// String describes the replicas of a stream, "" if there is one.
func (s ReplicaState) String() string {
	if s.Others == 0 {
		return ""
	}
	text := fmt.Sprintf("%d replicas, leader %s", s.Others+1, s.Leader)
	if len(s.Offline) > 0 {
		text += ", offline: " + strings.Join(s.Offline, ", ")
	}
	if len(s.Behind) > 0 {
		text += ", behind: " + strings.Join(s.Behind, ", ")
	}
	return text
}
