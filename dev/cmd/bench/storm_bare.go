package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/lazi/lazisync/events"
)

const (
	bareCommands = "BARE_COMMANDS"
	bareEvents   = "BARE_EVENTS"
	bareBatch    = 500
)

// bareConsumer is what the bridge is compared with: the least that answers each request once. It
// records a batch in one statement, publishes the answers without waiting for each, and acknowledges
// without a confirmation. It validates nothing, starts no workflow and finds no duplicates.
type bareConsumer struct {
	d        *deployment
	js       jetstream.JetStream
	consumer jetstream.Consumer
}

const bareInsert = `insert into bare.requests (request_id, event)
	select * from unnest($1::text[], $2::jsonb[]) on conflict (request_id) do nothing`

// measureBareStorm measures the bare consumer with the same requests in streams of its own.
func (d *deployment) measureBareStorm(ctx context.Context) (storm, error) {
	b, err := d.newBareConsumer(ctx)
	if err != nil {
		return storm{}, err
	}
	if _, err := publishStorm(ctx, b.js, "bare.requested", []string{tenantOf(stormTenant)}); err != nil {
		return storm{}, err
	}
	if _, err := d.sql.Exec(ctx, "checkpoint"); err != nil {
		return storm{}, err
	}
	s, err := d.stopwatch(ctx, b.js, bareCommands, "bare", func() error { return b.consume(ctx) })
	return s, errors.Join(err, b.remove(ctx))
}

// newBareConsumer creates the streams, with the settings of lazisync's that cost time, and the table.
func (d *deployment) newBareConsumer(ctx context.Context) (*bareConsumer, error) {
	js, err := jetstream.New(d.nc)
	if err != nil {
		return nil, err
	}
	b := &bareConsumer{d: d, js: js}
	for name, subject := range map[string]string{bareCommands: "bare.requested", bareEvents: "bare.accepted"} {
		_, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: name, Subjects: []string{subject}, Storage: jetstream.FileStorage, Duplicates: 24 * time.Hour, MaxAge: 24 * time.Hour})
		if err != nil {
			return nil, fmt.Errorf("create stream %s: %w", name, err)
		}
	}
	b.consumer, err = js.CreateConsumer(ctx, bareCommands, jetstream.ConsumerConfig{Durable: "bare", AckPolicy: jetstream.AckExplicitPolicy, MaxAckPending: stormRequests})
	if err != nil {
		return nil, fmt.Errorf("create the bare consumer: %w", err)
	}
	_, err = d.sql.Exec(ctx, "create schema bare; create table bare.requests (request_id text primary key, event jsonb not null, received_at timestamptz not null default now())")
	return b, err
}

func (b *bareConsumer) remove(ctx context.Context) error {
	_, err := b.d.sql.Exec(ctx, "drop schema bare cascade")
	return errors.Join(err, b.js.DeleteStream(ctx, bareCommands), b.js.DeleteStream(ctx, bareEvents))
}

func (b *bareConsumer) consume(ctx context.Context) error {
	for left := stormRequests; left > 0; {
		fetched, err := b.consumer.Fetch(bareBatch)
		if err != nil {
			return err
		}
		var batch []jetstream.Msg
		for m := range fetched.Messages() {
			batch = append(batch, m)
		}
		if err := errors.Join(fetched.Error(), b.handle(ctx, batch)); err != nil {
			return fmt.Errorf("bare consumer: %w", err)
		}
		left -= len(batch)
	}
	return b.d.nc.Flush()
}

func (b *bareConsumer) handle(ctx context.Context, batch []jetstream.Msg) error {
	ids, bodies, answers := make([]string, len(batch)), make([]string, len(batch)), make([]jetstream.PubAckFuture, len(batch))
	for i, m := range batch {
		var event struct{ ID string }
		if err := json.Unmarshal(m.Data(), &event); err != nil {
			return err
		}
		ids[i], bodies[i] = events.RequestID(source, event.ID), string(m.Data())
	}
	if _, err := b.d.sql.Exec(ctx, bareInsert, ids, bodies); err != nil {
		return err
	}
	for i, id := range ids {
		text, err := json.Marshal(map[string]any{"specversion": "1.0", "id": id + "/accepted", "source": source, "type": "bare.accepted", "data": map[string]string{"requestId": id}})
		if err != nil {
			return err
		}
		m := &nats.Msg{Subject: "bare.accepted", Data: text, Header: nats.Header{jetstream.MsgIDHeader: {id}}}
		if answers[i], err = b.js.PublishMsgAsync(m, jetstream.WithStallWait(10*time.Second)); err != nil {
			return err
		}
	}
	for i, m := range batch {
		select {
		case <-answers[i].Ok():
		case err := <-answers[i].Err():
			return err
		}
		if err := m.Ack(); err != nil {
			return err
		}
	}
	return nil
}
