package app

import (
	"context"
	"slices"

	"github.com/lazi/lazisync/activities"
	"github.com/lazi/lazisync/internal/probe"
	"github.com/lazi/lazisync/internal/store"
	"github.com/lazi/lazisync/internal/stream"
)

// natsProbe asks whether a role can read from its consumers and streams, and publish what it
// does.
func natsProbe(conn *stream.Conn, role Role) probe.Probe {
	return probe.Probe{
		Name: "nats",
		Fix:  "lazisync doctor says what to do",
		Check: func(ctx context.Context) error {
			if err := conn.Ready(ctx, role.consumers...); err != nil {
				return err
			}
			if err := conn.CheckStore(ctx, published(role)...); err != nil {
				return err
			}
			for _, name := range role.reads() {
				if err := conn.CheckRead(ctx, name); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// databaseProbe asks whether a role can read, and write where it does, what it keeps in
// PostgreSQL.
func databaseProbe(s *store.Store, role Role) probe.Probe {
	return probe.Probe{
		Name:  "database",
		Fix:   "run lazisync migrate where the schema is not up to date; else point DATABASE_URL at a primary that this user may write to",
		Check: func(ctx context.Context) error { return s.CheckReady(ctx, role.access()) },
	}
}

// runsProbe checks that PostgreSQL lets runs start and end.
func runsProbe(refusals *activities.Refusals) probe.Probe {
	return probe.Probe{
		Name:  "runs",
		Fix:   "repair what the error names; the runs continue within a minute",
		Check: refusals.Check,
	}
}

// access is what a role does with its tables.
func (r Role) access() store.Access {
	switch r.Name {
	case WorkerRole.Name, ServeRole.Name:
		return store.AccessPages
	case BridgeRole.Name:
		return store.AccessLedger
	}
	return store.AccessRead
}

// is reports whether a role does the work of another.
func (r Role) is(other Role) bool { return r.Name == other.Name || r.Name == ServeRole.Name }

// reads are the streams of which a role reads single messages.
func (r Role) reads() []string {
	switch {
	case r.is(BridgeRole):
		return []string{stream.StreamEvents, stream.StreamCommands}
	case r.is(WorkerRole):
		return []string{stream.StreamEvents}
	}
	return nil
}

// published are the subjects that a role publishes on.
func published(role Role) (subjects []string) {
	for _, p := range publishes {
		if !role.is(p.role) {
			continue
		}
		for _, subject := range p.subjects {
			if !slices.Contains(subjects, subject) {
				subjects = append(subjects, subject)
			}
		}
	}
	return subjects
}
