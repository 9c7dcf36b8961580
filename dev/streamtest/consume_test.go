package streamtest

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/stream"
)

// many are the options of the bridge for requests.
var many = stream.BatchOptions{Max: 500, Wait: time.Second}

func TestBatchReturnsAvailableMessagesWithoutWaitingToFill(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, err := range r.conn.PublishAll(ctx(t), requests(t, 1200)) {
		require.NoError(t, err)
	}
	var sizes seen[int]
	began := time.Now()
	r.consume(t, stream.ConsumerRequests, stream.BatchOptions{Max: 500, Wait: time.Minute}, func(ctx context.Context, batch []*stream.Message) error {
		sizes.add(len(batch))
		return ackAll(ctx, batch)
	})
	require.Equal(t, []int{500, 500, 200}, sizes.await(t, 3))

	require.NoError(t, r.conn.Publish(ctx(t), request(t, "late")))
	require.Equal(t, []int{500, 500, 200, 1}, sizes.await(t, 4))
	require.Less(t, time.Since(began), 30*time.Second, "no fetch waited until the batch was full")
}

func TestEachMessageOfABatchIsSettledSeparately(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, verb := range []string{"ack", "retry", "term", "forget"} {
		r.send(t, "sync.requested", verb)
	}
	var handled seen[string]
	r.consume(t, stream.ConsumerRequests, many, func(ctx context.Context, batch []*stream.Message) error {
		for _, m := range batch {
			verb := string(m.Event().Data)
			handled.add(verb + strconv.FormatUint(m.Deliveries(), 10))
			switch {
			case verb == "ack" || m.Deliveries() == 2:
				_ = m.Ack(ctx)
			case verb == "retry":
				_ = m.Retry(10 * time.Millisecond)
			case verb == "term":
				_ = m.Term("never\r\nagain")
			}
		}
		return nil
	})
	require.Equal(t, []string{"ack1", "retry1", "term1", "forget1", "retry2", "forget2"}, handled.await(t, 6))
	r.settledAll(t, stream.ConsumerRequests)
	require.Len(t, handled.list(), 6)
}

// A message that the handler cannot process is delivered again, and delays no other.
func TestAPanicOfTheHandlerConcernsOneMessage(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, text := range []string{"a", "poison", "b"} {
		r.send(t, "sync.requested", text)
	}
	var handled seen[string]
	r.consume(t, stream.ConsumerRequests, many, func(ctx context.Context, batch []*stream.Message) error {
		for _, m := range batch {
			if text := string(m.Event().Data); text == "poison" && m.Deliveries() == 1 {
				panic("no such number")
			}
		}
		for _, m := range batch {
			handled.add(string(m.Event().Data))
		}
		return ackAll(ctx, batch)
	})
	require.ElementsMatch(t, []string{"a", "b", "poison"}, handled.await(t, 3))
	r.settledAll(t, stream.ConsumerRequests)
	require.Positive(t, r.log.Count("panic of the handler: no such number (consume_test.go:"))
}

func TestRetryRedeliversAfterItsDelay(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.send(t, "sync.requested", "x")
	const delay = 300 * time.Millisecond
	var times seen[time.Time]
	r.consume(t, stream.ConsumerRequests, many, func(ctx context.Context, batch []*stream.Message) error {
		times.add(time.Now())
		if batch[0].Deliveries() == 4 {
			return batch[0].Ack(ctx)
		}
		return batch[0].Retry(delay)
	})
	at := times.await(t, 4)
	for i := 1; i < 4; i++ {
		require.GreaterOrEqual(t, at[i].Sub(at[i-1]), delay-50*time.Millisecond, "delivery %d", i+1)
		require.Less(t, at[i].Sub(at[i-1]), 15*time.Second, "delivery %d, long before the ack wait", i+1)
	}
}

func TestAMessageWithAStatusHeaderIsDelivered(t *testing.T) {
	t.Parallel()
	for _, consumer := range []struct{ name, subject string }{
		{stream.ConsumerRequests, "sync.requested"}, {stream.ConsumerControl, "sync.control"},
	} {
		t.Run(consumer.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			statuses := []string{"100", "400", "404", "408", "409", "423", "503", "junk"}
			for _, status := range statuses {
				r.send(t, consumer.subject, "", "Status", status, "Description", "Consumer Deleted")
			}
			r.send(t, consumer.subject, "good")
			var handled seen[string]
			r.consume(t, consumer.name, many, func(ctx context.Context, batch []*stream.Message) error {
				for _, m := range batch {
					handled.add(string(m.Event().Data) + first(m.Event().Header["Status"]))
				}
				return ackAll(ctx, batch)
			})
			require.Equal(t, append(statuses, "good"), handled.await(t, len(statuses)+1))
			require.Zero(t, r.log.Count(`"level":"error"`))
		})
	}
}

func TestControlsStayInOrderAcrossRetries(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, n := range []string{"a", "b", "c"} {
		r.send(t, "sync.control", n)
	}
	var handled seen[string]
	r.consume(t, stream.ConsumerControl, many, func(ctx context.Context, batch []*stream.Message) error {
		require.Len(t, batch, 1)
		m := batch[0]
		handled.add(string(m.Event().Data))
		if string(m.Event().Data) != "c" && m.Deliveries() < 3 {
			return m.Retry(20 * time.Millisecond)
		}
		return m.Ack(ctx)
	})
	require.Equal(t, []string{"a", "a", "a", "b", "b", "b", "c"}, handled.await(t, 7))
}

func TestAMissingConsumerIsLoggedOnceAndResumed(t *testing.T) {
	t.Parallel()
	losses := map[string]func(*testing.T, *rig){
		"consumer": func(t *testing.T, r *rig) {
			require.NoError(t, r.js.DeleteConsumer(ctx(t), stream.StreamCommands, stream.ConsumerRequests))
		},
		"stream": func(t *testing.T, r *rig) {
			require.NoError(t, r.js.DeleteStream(ctx(t), stream.StreamCommands))
		},
	}
	for what, crash := range losses {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			handled := r.consumeData(t)
			r.send(t, "sync.requested", "before")
			handled.await(t, 1)
			r.settledAll(t, stream.ConsumerRequests)

			crash(t, r)
			require.Eventually(t, func() bool { return r.log.Count(`run \"lazisync migrate\"`) > 0 }, patience, tick)
			require.NotZero(t, r.log.Count(what+" SYNC_COMMANDS"))
			_, err := r.conn.Declare(ctx(t))
			require.NoError(t, err)
			r.send(t, "sync.requested", "after")
			require.Eventually(t, func() bool {
				all := handled.list()
				return all[len(all)-1] == "after"
			}, patience, tick)
			require.Equal(t, 1, r.log.Count(`run \"lazisync migrate\"`), "logged once")
			require.Equal(t, 1, r.log.Count("fetching resumed"))
		})
	}
}

func TestConsumingResumesAfterAServerRestart(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	handled := r.consumeData(t)
	r.send(t, "sync.requested", "one")
	handled.await(t, 1)
	r.settledAll(t, stream.ConsumerRequests)

	r.stopServer(t)
	r.startServer(t)
	require.Eventually(t, func() bool { return r.nc.IsConnected() }, patience, tick)
	r.send(t, "sync.requested", "two")
	require.Equal(t, []string{"one", "two"}, handled.await(t, 2))
}

func TestFetchingBacksOffAfterAFailedBatch(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var times seen[time.Time]
	r.consume(t, stream.ConsumerRequests, many, func(ctx context.Context, batch []*stream.Message) error {
		times.add(time.Now())
		if len(times.list()) == 3 {
			return ackAll(ctx, batch)
		}
		for _, m := range batch {
			_ = m.Retry(time.Millisecond)
		}
		return errors.New("temporal is down")
	})
	r.send(t, "sync.requested", "x")
	at := times.await(t, 3)
	require.GreaterOrEqual(t, at[1].Sub(at[0]), 700*time.Millisecond)
	require.GreaterOrEqual(t, at[2].Sub(at[1]), 1400*time.Millisecond)
	require.Equal(t, 1, r.log.Count("temporal is down"), "logged once")
}

func TestTheCurrentBatchIsFinished(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.send(t, "sync.requested", "x")
	entered, release := make(chan struct{}), make(chan struct{})
	running, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- r.conn.ConsumeBatches(running, stream.ConsumerRequests, many, func(ctx context.Context, batch []*stream.Message) error {
			close(entered)
			<-release
			return errors.Join(ctx.Err(), ackAll(ctx, batch))
		})
	}()
	<-entered
	cancel()
	require.Never(t, func() bool { return len(done) > 0 }, 100*time.Millisecond, tick)
	close(release)
	require.NoError(t, <-done)
	require.Zero(t, r.log.Count("batch failed"), "the handler's context outlived the loop's")
	r.settledAll(t, stream.ConsumerRequests)
}

func TestTheCurrentBatchEndsAfterTheGracePeriod(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.send(t, "sync.requested", "x")
	entered := make(chan struct{})
	stop := r.consume(t, stream.ConsumerRequests, stream.BatchOptions{Grace: 50 * time.Millisecond},
		func(ctx context.Context, _ []*stream.Message) error {
			close(entered)
			<-ctx.Done()
			return nil
		})
	<-entered
	stop()
}

func TestTwoConsumersShareTheMessages(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const n = 2000
	for _, err := range r.conn.PublishAll(ctx(t), requests(t, n)) {
		require.NoError(t, err)
	}
	var handled seen[uint64]
	for range 2 {
		r.consume(t, stream.ConsumerRequests, stream.BatchOptions{Max: 50}, func(ctx context.Context, batch []*stream.Message) error {
			for _, m := range batch {
				handled.add(m.Event().Sequence)
			}
			return ackAll(ctx, batch)
		})
	}
	handled.await(t, n)
	r.settledAll(t, stream.ConsumerRequests)
	once := map[uint64]bool{}
	for _, sequence := range handled.list() {
		require.False(t, once[sequence], "message %d came twice", sequence)
		once[sequence] = true
	}
}

// A control that takes longer than the ack wait of its consumer is not given to another bridge.
func TestTheAckWaitOfAControlIsExtendedInTime(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.send(t, "sync.control", "x")
	handled, done := make(chan struct{}), make(chan struct{})
	settle := sync.OnceFunc(func() { close(done) })
	r.consume(t, stream.ConsumerControl, stream.BatchOptions{Wait: time.Second}, func(ctx context.Context, batch []*stream.Message) error {
		close(handled)
		<-done
		return ackAll(ctx, batch)
	})
	t.Cleanup(settle)
	<-handled
	acks, err := r.nc.SubscribeSync("$JS.ACK." + stream.StreamCommands + "." + stream.ConsumerControl + ".>")
	require.NoError(t, err)
	progress, err := acks.NextMsg(10 * time.Second) // less than its ack wait of 15 s
	require.NoError(t, err)
	require.Equal(t, "+WPI", string(progress.Data))
	settle()
	r.settledAll(t, stream.ConsumerControl)
}

func TestSettlingFailsWhileDisconnected(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.send(t, "sync.requested", "x")
	delivered, resume := make(chan *stream.Message), make(chan struct{})
	settle := sync.OnceFunc(func() { close(resume) })
	r.consume(t, stream.ConsumerRequests, many, func(ctx context.Context, batch []*stream.Message) error {
		if batch[0].Deliveries() > 1 {
			return batch[0].Ack(ctx)
		}
		delivered <- batch[0]
		<-resume
		return batch[0].Retry(time.Millisecond)
	})
	t.Cleanup(settle)
	m := <-delivered
	r.stopServer(t)
	for _, err := range []error{m.Ack(ctx(t)), m.Retry(time.Second), m.Term("x"), m.InProgress()} {
		require.ErrorIs(t, err, stream.ErrDisconnected)
	}
	r.startServer(t)
	r.ready(t)
	settle()
	r.settledAll(t, stream.ConsumerRequests)
}

func TestConsumingAnUndeclaredConsumerFails(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	require.EqualError(t, r.conn.ConsumeBatches(ctx(t), "stranger", many, nil), `consumer "stranger" is not declared`)
}

// consumeData acknowledges every request and keeps its body.
func (r *rig) consumeData(t *testing.T) *seen[string] {
	t.Helper()
	handled := &seen[string]{}
	r.consume(t, stream.ConsumerRequests, many, func(ctx context.Context, batch []*stream.Message) error {
		for _, m := range batch {
			handled.add(string(m.Event().Data))
		}
		return ackAll(ctx, batch)
	})
	return handled
}

// settledAll waits until a consumer has no pending messages, delivered or not.
func (r *rig) settledAll(t *testing.T, consumer string) {
	t.Helper()
	r.settledAllOf(t, stream.StreamCommands, consumer)
}

func (r *rig) settledAllOf(t *testing.T, in, consumer string) {
	t.Helper()
	require.Eventually(t, func() bool {
		found, err := r.js.Consumer(soon(t), in, consumer)
		return err == nil && found.CachedInfo().NumPending == 0 && found.CachedInfo().NumAckPending == 0
	}, patience, tick)
}

func ackAll(ctx context.Context, batch []*stream.Message) error {
	var errs []error
	for _, m := range batch {
		errs = append(errs, m.Ack(ctx))
	}
	return errors.Join(errs...)
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}
