package deploytest

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/lazi/lazisync/internal/stream"
)

// connectProgram connects as a program with a NATS client of its own does.
func (s *harness) connectProgram() (*nats.Conn, jetstream.JetStream, error) {
	nc, err := s.dial()
	if err != nil {
		return nil, nil, err
	}
	js, err := s.jetStream(nc)
	if err != nil {
		nc.Close()
		return nil, nil, err
	}
	return nc, js, nil
}

// requestSyncs does what docs/events.md says about programs that request syncs.
func (s *harness) requestSyncs(ctx context.Context) error {
	nc, js, err := s.connectProgram()
	if err != nil {
		return err
	}
	defer nc.Close()
	for _, subject := range []string{"sync.requested", "sync.control"} {
		if _, err := js.Publish(ctx, subject, []byte("{}")); err != nil {
			return err
		}
	}
	return errors.Join(
		s.hear(ctx, nc, "sync.accepted", "sync.rejected", "sync.completed", "sync.failed", "sync.cancelled"),
		s.askWith(ctx, nc, stream.ServiceSubject("request"), stream.ServiceSubject("status")),
	)
}

// consumeEvents does what docs/consumers.md says about programs that read events.
func (s *harness) consumeEvents(ctx context.Context) error {
	nc, js, err := s.connectProgram()
	if err != nil {
		return err
	}
	defer nc.Close()
	events, err := js.Stream(ctx, stream.StreamEvents)
	if err != nil {
		return err
	}
	billing := jetstream.ConsumerConfig{
		Durable: "billing", AckPolicy: jetstream.AckExplicitPolicy, FilterSubjects: []string{"sync.completed", "sync.failed", "sync.cancelled"},
	}
	if err := s.createAsJavaScript(ctx, nc, billing); err != nil {
		return err
	}
	consumer, err := events.CreateOrUpdateConsumer(ctx, billing)
	if err != nil {
		return err
	}
	if _, err := consumer.Info(ctx); err != nil {
		return err
	}
	if _, err := s.js.Publish(ctx, "sync.completed", []byte("{}")); err != nil {
		return err
	}
	batch, err := consumer.Fetch(1, jetstream.FetchContext(ctx))
	if err != nil {
		return err
	}
	for m := range batch.Messages() {
		if err := m.DoubleAck(ctx); err != nil {
			return err
		}
	}
	return errors.Join(
		batch.Error(),
		events.DeleteConsumer(ctx, billing.Durable),
		s.hear(ctx, nc, "sync.accepted", "sync.rejected", "sync.started", "sync.progress", "sync.paused", "sync.resumed", "sync.completed", "sync.failed",
			"sync.cancelled", "sync.stale", "sync.fresh"),
		s.askWith(ctx, nc, stream.ServiceSubject("status")),
	)
}

// createAsJavaScript creates a consumer as the NATS client for JavaScript does, if it has several
// filters.
func (s *harness) createAsJavaScript(ctx context.Context, nc *nats.Conn, c jetstream.ConsumerConfig) error {
	prefix := "$JS.API."
	if s.domain != "" {
		prefix = "$JS." + s.domain + ".API."
	}
	body, err := json.Marshal(map[string]any{"stream_name": stream.StreamEvents, "config": c})
	if err != nil {
		return err
	}
	_, err = nc.RequestWithContext(ctx, prefix+"CONSUMER.DURABLE.CREATE."+stream.StreamEvents+"."+c.Durable, body)
	return err
}

// hear receives a message on each subject with a plain subscription.
func (s *harness) hear(ctx context.Context, nc *nats.Conn, subjects ...string) error {
	for _, subject := range subjects {
		subscription, err := nc.SubscribeSync(subject)
		if err != nil {
			return err
		}
		if err := errors.Join(nc.Flush(), s.root.Publish(subject, []byte("{}"))); err != nil {
			return err
		}
		if _, err := subscription.NextMsgWithContext(ctx); err != nil {
			return err
		}
		if err := subscription.Unsubscribe(); err != nil {
			return err
		}
	}
	return nil
}
