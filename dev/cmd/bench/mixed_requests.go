package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/simulator"
	"github.com/lazi/lazisync/internal/stream"
)

// sentRequests compares the requests that were sent with their outcomes. It reads the stream of events,
// which drops no message. It is safe for concurrent use.
type sentRequests struct {
	consuming jetstream.ConsumeContext

	mu       sync.Mutex
	sent     map[string]bool // by request ID
	outcomes map[string]int  // also of requests that others sent
	runs     map[string]int  // runs with an outcome, by its subject
}

// trackRequests follows the outcomes from now on.
func (d *deployment) trackRequests(ctx context.Context) (*sentRequests, error) {
	js, err := jetstream.New(d.nc)
	if err != nil {
		return nil, err
	}
	consumer, err := js.OrderedConsumer(ctx, stream.StreamEvents, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{events.Completed.Subject, events.Failed.Subject, events.Cancelled.Subject}, DeliverPolicy: jetstream.DeliverNewPolicy,
	})
	if err != nil {
		return nil, fmt.Errorf("follow the outcomes: %w", err)
	}
	s := &sentRequests{sent: map[string]bool{}, outcomes: map[string]int{}, runs: map[string]int{}}
	if s.consuming, err = consumer.Consume(s.note); err != nil {
		return nil, fmt.Errorf("follow the outcomes: %w", err)
	}
	return s, nil
}

func (s *sentRequests) stop() { s.consuming.Stop() }

func (s *sentRequests) note(m jetstream.Msg) {
	var event struct {
		Data events.OutcomeData `json:"data"`
	}
	if json.Unmarshal(m.Data(), &event) != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if event.Data.Part <= 1 {
		s.runs[m.Subject()]++
	}
	for _, q := range event.Data.Requests {
		s.outcomes[q.RequestID]++
	}
}

func (s *sentRequests) add(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent[id] = true
}

// open returns the number of sent requests without an outcome.
func (s *sentRequests) open() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.sent {
		if s.outcomes[id] == 0 {
			n++
		}
	}
	return n
}

// finished returns the number of requests with an outcome, also of those that others sent.
func (s *sentRequests) finished() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.outcomes)
}

// check returns an error unless each sent request has one outcome, and no run failed.
func (s *sentRequests) check() error {
	lost := s.open()
	s.mu.Lock()
	defer s.mu.Unlock()
	repeated := 0
	for _, n := range s.outcomes {
		if n > 1 {
			repeated++
		}
	}
	if failed := s.runs[events.Failed.Subject]; lost+repeated+failed > 0 {
		return fmt.Errorf("of %d requests: %d without an outcome, %d with several, want none; %d runs failed, want none", len(s.sent), lost, repeated, failed)
	}
	return nil
}

// settle waits for the outcomes of all requests in the ledger, also of those that lazisync made itself, such as
// second passes. Then it checks those that were sent.
func (m *mixedLoad) settle(ctx context.Context) error {
	for late := time.Now().Add(mixedSettle); time.Now().Before(late) && ctx.Err() == nil; {
		open := 0
		err := m.d.sql.QueryRow(ctx, `select count(*) from raw.sync_requests q left join raw.sync_runs r using (run_number) where r.published_at is null`).Scan(&open)
		if err != nil {
			return fmt.Errorf("count open requests: %w", err)
		}
		if open == 0 && m.sent.open() == 0 {
			return m.sent.check()
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
	}
	return errors.Join(fmt.Errorf("not finished %s after the load", mixedSettle), m.sent.check())
}

// gateways is a load balancer in front of the gateways, as the transport of an HTTP client. It records the requests
// that they accept. It is safe for concurrent use.
type gateways struct {
	http.Transport
	sent *sentRequests

	mu    sync.Mutex
	urls  []string
	turn  int
	taken int // webhooks that were answered with 200
}

// set sets the gateways: those of the roles that have one.
func (g *gateways) set(roles []*role) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.urls = nil
	for _, r := range roles {
		if r.gateway != "" {
			g.urls = append(g.urls, r.gateway)
		}
	}
}

func (g *gateways) next() (*url.URL, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.urls) == 0 {
		return nil, errors.New("no gateway")
	}
	g.turn++
	return url.Parse(g.urls[g.turn%len(g.urls)])
}

// RoundTrip sends the request to one gateway after another.
func (g *gateways) RoundTrip(request *http.Request) (*http.Response, error) {
	to, err := g.next()
	if err != nil {
		return nil, err
	}
	request = request.Clone(request.Context())
	request.URL.Host, request.Host = to.Host, to.Host
	response, err := g.Transport.RoundTrip(request)
	if err != nil || response.StatusCode != http.StatusOK {
		return response, err
	}
	body, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if err != nil {
		return nil, err
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	var answer struct{ RequestID string }
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("answer to a webhook: %w", err)
	}
	if answer.RequestID != "" {
		g.sent.add(answer.RequestID)
	}
	g.mu.Lock()
	g.taken++
	g.mu.Unlock()
	return response, nil
}

// startWebhooks makes every tenant send webhooks for its changes, until ctx is done.
func (m *mixedLoad) startWebhooks(ctx context.Context) error {
	text, err := os.ReadFile(m.d.stack.Variable("SERVICETITAN_TENANTS_FILE"))
	if err != nil {
		return fmt.Errorf("secrets of webhooks: %w", err)
	}
	var file struct {
		Tenants []struct{ ID, WebhookSecret string }
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return fmt.Errorf("secrets of webhooks: %w", err)
	}
	m.gateway = &gateways{sent: m.sent}
	m.gateway.set(m.roles())
	for _, tenant := range file.Tenants {
		number, err := strconv.ParseInt(tenant.ID, 10, 64)
		if err != nil {
			return fmt.Errorf("tenant of webhooks: %w", err)
		}
		hooks := simulator.NewWebhooks(simulator.WebhookOptions{
			URL: "http://gateways/webhooks/servicetitan/" + tenant.ID, Secret: tenant.WebhookSecret, Tenant: number,
			Client: &http.Client{Timeout: 10 * time.Second, Transport: m.gateway}, Logger: zerolog.Nop(),
		})
		m.d.company(tenant.ID).OnChange(hooks.Notify)
		go hooks.Run(ctx)
	}
	return nil
}
