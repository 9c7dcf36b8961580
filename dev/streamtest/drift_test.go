package streamtest

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/stream"
)

// TestOperatorChangesDoNotStopConsumption changes a stream or consumer while it is read. If the
// change prevents commands from being read, the role is not ready and says why; Declare reverts the
// change without a restart, and messages published meanwhile are delivered, each command once.
func TestOperatorChangesDoNotStopConsumption(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		edit  func(*testing.T, *rig)
		want  string // part of the readiness error, "" if the role stays ready
		fixed string // part of what Declare returns
		lost  bool   // no consumer gets the messages published before Declare
	}{
		"a subject transform": {
			edit: editCommands(func(c *jetstream.StreamConfig) {
				c.SubjectTransform = &jetstream.SubjectTransformConfig{Source: "sync.requested", Destination: "moved.requested"}
			}),
			want: "subject_transform is", fixed: "subject_transform", lost: true,
		},
		"sources": {
			edit: editCommands(func(c *jetstream.StreamConfig) {
				c.Sources = []*jetstream.StreamSource{{Name: stream.StreamEvents}}
			}),
			want: "sources is", fixed: "sources",
		},
		"no acknowledgement of what is published": {
			edit: editCommands(func(c *jetstream.StreamConfig) { c.NoAck = true }),
			want: "no_ack is true", fixed: "no_ack", lost: true,
		},
		"one message per subject": {
			edit: editCommands(func(c *jetstream.StreamConfig) { c.MaxMsgsPerSubject = 1 }),
			want: "max_msgs_per_subject is 1", fixed: "max_msgs_per_subject",
		},
		"small messages": {
			edit: editCommands(func(c *jetstream.StreamConfig) { c.MaxMsgSize = 1000 }),
			want: "max_msg_size is 1000", fixed: "max_msg_size",
		},
		"interest": {
			edit: editCommands(func(c *jetstream.StreamConfig) { c.Retention = jetstream.InterestPolicy }),
			want: "retention is Interest", fixed: "retention",
		},
		"limits for consumers": {
			edit: editCommands(func(c *jetstream.StreamConfig) { c.ConsumerLimits.MaxAckPending = 20_000 }),
			want: "consumer_limits is", fixed: "consumer_limits",
		},
		"a subject less": {
			edit: func(t *testing.T, r *rig) {
				editCommands(func(c *jetstream.StreamConfig) { c.Subjects = []string{"sync.control"} })(t, r)
			},
			want: "subjects is sync.control", fixed: "subjects", lost: true,
		},
		"republishing": {
			edit: editCommands(func(c *jetstream.StreamConfig) {
				c.RePublish = &jetstream.RePublish{Source: ">", Destination: "copy.>"}
			}),
			fixed: "republish",
		},
		"a pinned client": {
			edit: editRequests(func(c *jetstream.ConsumerConfig) {
				c.PriorityPolicy, c.PriorityGroups, c.PinnedTTL = jetstream.PriorityPolicyPinned, []string{"a"}, time.Hour
			}),
			want: "priority_", fixed: "priority_groups",
		},
		"overflow": {
			edit: editRequests(func(c *jetstream.ConsumerConfig) {
				c.PriorityPolicy, c.PriorityGroups = jetstream.PriorityPolicyOverflow, []string{"a"}
			}),
			want: "priority_", fixed: "priority_groups",
		},
		"a pause": {
			edit: func(t *testing.T, r *rig) {
				_, err := r.js.PauseConsumer(ctx(t), stream.StreamCommands, stream.ConsumerRequests, time.Now().Add(time.Hour))
				require.NoError(t, err)
			},
			want: "pause_until is", fixed: "pause_until",
		},
		"headers only": {
			edit: editRequests(func(c *jetstream.ConsumerConfig) { c.HeadersOnly = true }),
			want: "headers_only is true", fixed: "headers_only",
		},
		"another filter": {
			edit: editRequests(func(c *jetstream.ConsumerConfig) { c.FilterSubjects = []string{"sync.nothing"} }),
			want: "filter_subjects is sync.nothing", fixed: "recreated, resumes where it was",
		},
		"no filter": {
			edit: editRequests(func(c *jetstream.ConsumerConfig) { c.FilterSubject, c.FilterSubjects = "", nil }),
			want: "filter_subjects is none", fixed: "recreated, resumes where it was",
		},
		"a push consumer": {
			edit: recreated(jetstream.ConsumerConfig{
				Durable: stream.ConsumerRequests, AckPolicy: jetstream.AckExplicitPolicy, DeliverSubject: "pushed.to",
				DeliverPolicy: jetstream.DeliverNewPolicy, FilterSubject: "sync.requested",
			}),
			want: "deliver_subject is pushed.to", fixed: "deliver_subject",
		},
		"nothing acknowledged": {
			edit: recreated(jetstream.ConsumerConfig{Durable: stream.ConsumerRequests, AckPolicy: jetstream.AckNonePolicy, FilterSubject: "sync.requested"}),
			want: "ack_policy is AckNone", fixed: "ack_policy",
		},
		"a consumer that begins with what is new": {
			edit: recreated(jetstream.ConsumerConfig{
				Durable: stream.ConsumerRequests, AckPolicy: jetstream.AckExplicitPolicy, DeliverPolicy: jetstream.DeliverNewPolicy, FilterSubject: "sync.requested",
			}),
			want: "deliver_policy is new", fixed: "deliver_policy",
		},
		"one request at a time": {
			edit: recreated(jetstream.ConsumerConfig{
				Durable: stream.ConsumerRequests, AckPolicy: jetstream.AckExplicitPolicy, FilterSubject: "sync.requested", MaxWaiting: 1,
			}),
			fixed: "max_waiting",
		},
		"a consumer that is forgotten": {
			edit: recreated(jetstream.ConsumerConfig{
				Name: stream.ConsumerRequests, AckPolicy: jetstream.AckExplicitPolicy, FilterSubject: "sync.requested", InactiveThreshold: time.Hour,
			}),
			want: "durable_name is none", fixed: "durable_name",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			handled := r.consumeData(t)
			r.send(t, "sync.requested", "before")
			handled.await(t, 1)
			r.settledAll(t, stream.ConsumerRequests)
			r.ready(t)

			c.edit(t, r)
			if c.want == "" {
				r.awaitReady(t, stream.ConsumerRequests)
			} else {
				r.awaitNotReady(t, c.want, stream.ConsumerRequests)
			}
			if !c.lost {
				r.send(t, "sync.requested", "meanwhile")
			}
			changes, err := r.conn.Declare(ctx(t))
			require.NoError(t, err)
			require.Contains(t, joined(changes), c.fixed)
			drift, err := r.conn.Drift(ctx(t), stream.Consumers()...)
			require.NoError(t, err)
			require.Empty(t, lines(drift))

			r.send(t, "sync.requested", "after")
			want := []string{"after"}
			if !c.lost {
				want = []string{"meanwhile", "after"}
			}
			require.Eventually(t, func() bool { return containsAll(handled.list(), want) }, patience, tick, "got %v", handled.list())
			require.NotContains(t, handled.list(), "", "a message without its body was handled")
			r.awaitReady(t, stream.ConsumerRequests)
			r.settledAll(t, stream.ConsumerRequests)
		})
	}
}

// TestFetchesRespectConsumerLimits: fetches adapt to limits, also to limits that are set while the
// consumer is read.
func TestFetchesRespectConsumerLimits(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var sizes seen[int]
	r.consume(t, stream.ConsumerRequests, many, func(ctx context.Context, batch []*stream.Message) error {
		sizes.add(len(batch))
		return ackAll(ctx, batch)
	})
	r.send(t, "sync.requested", "one")
	sizes.await(t, 1)
	editRequests(func(c *jetstream.ConsumerConfig) {
		c.MaxRequestBatch, c.MaxRequestExpires, c.MaxRequestMaxBytes = 10, 100*time.Millisecond, 1<<20
	})(t, r)
	for _, err := range r.conn.PublishAll(ctx(t), requests(t, 100)) {
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool {
		all := 0
		for _, n := range sizes.list() {
			all += n
		}
		return all == 101
	}, patience, tick)
	r.awaitReady(t, stream.ConsumerRequests)
	require.NoError(t, r.conn.CheckFetch(ctx(t), stream.ConsumerRequests, 500))
	drift, err := r.conn.Drift(ctx(t), stream.Consumers()...)
	require.NoError(t, err)
	require.Empty(t, lines(drift), "what requests may ask for is an operator's choice")
}

// TestAMessageLargerThanTheFetchLimitIsDelivered: otherwise every fetch would fail.
func TestAMessageLargerThanTheFetchLimitIsDelivered(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	handled := r.consumeData(t)
	editRequests(func(c *jetstream.ConsumerConfig) { c.MaxRequestMaxBytes = 1000 })(t, r)
	r.send(t, "sync.requested", string(make([]byte, 5000)))
	handled.await(t, 1)
	require.ErrorContains(t, r.conn.Ready(ctx(t), stream.ConsumerRequests), "max_bytes is 1000")
}

// TestCheckFetchDeliversNothing: CheckFetch consumes no message.
func TestCheckFetchDeliversNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.send(t, "sync.requested", "one")
	for range 5 {
		require.NoError(t, r.conn.CheckFetch(ctx(t), stream.ConsumerRequests, 500))
	}
	var deliveries seen[uint64]
	r.consume(t, stream.ConsumerRequests, many, func(ctx context.Context, batch []*stream.Message) error {
		for _, m := range batch {
			deliveries.add(m.Deliveries())
		}
		return ackAll(ctx, batch)
	})
	require.Equal(t, []uint64{1}, deliveries.await(t, 1))
}

// TestImmutableDifferencesAreReportedWithTheirCost: all other differences are corrected.
func TestImmutableDifferencesAreReportedWithTheirCost(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		config jetstream.StreamConfig
		want   []string
		clear  []string
	}{
		"storage": {
			jetstream.StreamConfig{Storage: jetstream.MemoryStorage, MaxAge: time.Hour},
			[]string{"change storage from Memory to File", "can not change storage type", `"nats stream rm SYNC_EVENTS"`, "raw.sync_runs keeps the outcomes"},
			[]string{"max_age", "subjects"},
		},
		"sealed": {
			jetstream.StreamConfig{Storage: jetstream.FileStorage, Sealed: true},
			[]string{"sealed from true to false", "can not unseal"}, nil,
		},
		"a work queue": {
			jetstream.StreamConfig{Storage: jetstream.FileStorage, Retention: jetstream.WorkQueuePolicy},
			[]string{"retention from WorkQueue to Limits"}, []string{"max_age"},
		},
		"a counter": {
			jetstream.StreamConfig{Storage: jetstream.FileStorage, AllowMsgCounter: true, AllowDirect: true},
			[]string{"allow_msg_counter from true to false"}, []string{"max_age"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			require.NoError(t, r.js.DeleteStream(ctx(t), stream.StreamEvents))
			c.config.Name, c.config.Subjects = stream.StreamEvents, []string{"sync.completed"}
			sealed := c.config.Sealed
			c.config.Sealed = false
			_, err := r.js.CreateStream(ctx(t), c.config)
			require.NoError(t, err)
			if sealed {
				c.config.Sealed = true
				_, err = r.js.UpdateStream(ctx(t), c.config)
				require.NoError(t, err)
			}
			require.NoError(t, r.js.DeleteConsumer(ctx(t), stream.StreamCommands, stream.ConsumerControl))
			changes, err := r.conn.Declare(ctx(t))
			require.ErrorContains(t, err, "declare stream SYNC_EVENTS: change ")
			for _, want := range c.want {
				require.ErrorContains(t, err, want)
			}
			for _, want := range c.clear {
				require.Contains(t, joined(changes), "stream SYNC_EVENTS: "+want)
			}
			require.Contains(t, joined(changes), "consumer SYNC_COMMANDS/bridge-control: created", "one stream keeps the others from nothing")
			require.Error(t, r.conn.Ready(ctx(t)))
		})
	}
}

// TestCheckStoreFailsForAFullOrSealedStream: a role that publishes to such a stream is not ready.
func TestCheckStoreFailsForAFullOrSealedStream(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	require.NoError(t, r.conn.CheckStore(ctx(t), "sync.requested", "sync.accepted", "deadletter.sync.control"))
	commands := r.config(t, stream.StreamCommands)
	commands.MaxBytes = 32 << 10
	_, err := r.js.UpdateStream(ctx(t), commands)
	require.NoError(t, err)
	err = r.conn.CheckStore(ctx(t), "sync.requested")
	require.ErrorIs(t, err, stream.ErrFull)
	require.ErrorContains(t, err, `"nats stream edit SYNC_COMMANDS --max-bytes"`)
	require.NoError(t, r.conn.CheckStore(ctx(t), "sync.accepted"))

	sealed := r.config(t, stream.StreamEvents)
	sealed.Sealed = true
	_, err = r.js.UpdateStream(ctx(t), sealed)
	require.NoError(t, err)
	require.ErrorContains(t, r.conn.CheckStore(ctx(t), "sync.accepted"), "sealed")
}

func (r *rig) awaitReady(t *testing.T, consumer string) {
	t.Helper()
	var err error
	require.Eventually(t, func() bool { err = r.conn.Ready(soon(t), consumer); return err == nil }, patience, tick, "%v", &err)
}

func (r *rig) awaitNotReady(t *testing.T, want, consumer string) {
	t.Helper()
	var err error
	if !assert.Eventually(t, func() bool {
		err = r.conn.Ready(soon(t), consumer)
		return err != nil && strings.Contains(err.Error(), want)
	}, patience, tick) {
		require.ErrorContains(t, err, want)
	}
}

func editCommands(edit func(*jetstream.StreamConfig)) func(*testing.T, *rig) {
	return func(t *testing.T, r *rig) {
		t.Helper()
		config := r.config(t, stream.StreamCommands)
		edit(&config)
		_, err := r.js.UpdateStream(ctx(t), config)
		require.NoError(t, err)
	}
}

func editRequests(edit func(*jetstream.ConsumerConfig)) func(*testing.T, *rig) {
	return func(t *testing.T, r *rig) {
		t.Helper()
		found, err := r.js.Consumer(ctx(t), stream.StreamCommands, stream.ConsumerRequests)
		require.NoError(t, err)
		config := found.CachedInfo().Config
		config.FilterSubjects, config.FilterSubject = []string{"sync.requested"}, ""
		edit(&config)
		_, err = r.js.UpdateConsumer(ctx(t), stream.StreamCommands, config)
		require.NoError(t, err)
	}
}

// recreated replaces the consumer that is read by another one.
func recreated(config jetstream.ConsumerConfig) func(*testing.T, *rig) {
	return func(t *testing.T, r *rig) {
		t.Helper()
		require.NoError(t, r.js.DeleteConsumer(ctx(t), stream.StreamCommands, stream.ConsumerRequests))
		var err error
		if config.DeliverSubject != "" {
			_, err = r.js.CreatePushConsumer(ctx(t), stream.StreamCommands, config)
		} else {
			_, err = r.js.CreateConsumer(ctx(t), stream.StreamCommands, config)
		}
		require.NoError(t, err)
	}
}

func joined(lines []string) string { return strings.Join(lines, "\n") }

func containsAll(have, want []string) bool {
	for _, w := range want {
		if !slices.Contains(have, w) {
			return false
		}
	}
	return true
}
