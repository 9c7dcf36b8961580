package doctor

import (
	"context"

	"github.com/lazi/lazisync/internal/probe"
	"github.com/lazi/lazisync/internal/store"
	"github.com/lazi/lazisync/internal/stream"
	"github.com/lazi/lazisync/internal/temporal"
)

// NATSProbe checks that a role can read its consumers and streams and publish its events.
func NATSProbe(conn *stream.Conn, role Role) probe.Probe {
	return probe.Probe{
		Name: "nats",
		Fix:  "run lazisync doctor",
		Check: func(ctx context.Context) error {
			if err := conn.Ready(ctx, role.Consumers...); err != nil {
				return err
			}
			if err := conn.CheckStore(ctx, role.Publishes...); err != nil {
				return err
			}
			for _, name := range role.ReadsFrom {
				if err := conn.CheckRead(ctx, name); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// DatabaseProbe checks that a role can use its tables.
func DatabaseProbe(s *store.Store, role Role) probe.Probe {
	return probe.Probe{
		Name:  "database",
		Fix:   "run lazisync migrate if the schema is not up to date; otherwise point DATABASE_URL at a primary to which this user may write",
		Check: func(ctx context.Context) error { return s.CheckReady(ctx, role.Access) },
	}
}

// TemporalProbe checks that Temporal answers.
func TemporalProbe(c *temporal.Client) probe.Probe {
	return probe.Probe{
		Name:  "temporal",
		Fix:   "start Temporal, or set TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and TEMPORAL_API_KEY",
		Check: c.Ping,
	}
}

// PollProbe checks that Temporal accepts the polls of a worker.
func PollProbe(polls *temporal.Polls, taskQueue string) probe.Probe {
	return probe.Probe{
		Name:  "worker",
		Fix:   "allow this client to poll the task queue in its namespace: see TEMPORAL_NAMESPACE, TEMPORAL_TASK_QUEUE and TEMPORAL_API_KEY",
		Check: func(context.Context) error { return polls.Check(taskQueue) },
	}
}
