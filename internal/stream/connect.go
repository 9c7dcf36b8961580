package stream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
	"go.opentelemetry.io/otel/trace"

	"github.com/lazi/lazisync/internal/outage"
)

// ErrDisconnected is returned while NATS is unreachable. Nothing was sent.
var ErrDisconnected = errors.New("not connected to NATS")

const (
	apiTimeout   = 5 * time.Second // for a call whose context has no deadline
	drainTimeout = 5 * time.Second
	// maxInFlight is how many events PublishAll sends before their acknowledgements arrive.
	maxInFlight = 1000
)

// Options configure a connection.
type Options struct {
	URL         string      // one or several, separated by commas
	Creds       string      // path of a credentials file, read at each connect; "" for none
	Name        string      // shown in the server's list of connections
	TLS         *tls.Config // nil: TLS if the URL or the server requires it
	InboxPrefix string      // default _INBOX; a separate prefix keeps other users from reading replies
	Replicas    int         // least number of replicas of streams and consumers; default 1
	Domain      string      // JetStream domain of the streams; default that of the server
	Logger      zerolog.Logger
	Recorder    Recorder             // default: none
	Tracer      trace.TracerProvider // of published events and deliveries; default: none
}

// Recorder records publications and deliveries, for metrics. Its methods are safe for
// concurrent use.
type Recorder interface {
	// Published records the time until a published message was acknowledged.
	Published(took time.Duration)
	// Redelivered records a delivery that is not the first of its message.
	Redelivered(consumer string)
}

// nopRecorder records nothing.
type nopRecorder struct{}

func (nopRecorder) Published(time.Duration) {}
func (nopRecorder) Redelivered(string)      {}

// Conn is a connection to NATS that reconnects until it is closed, to another server of the cluster
// if one has no leader. It is safe for concurrent use.
type Conn struct {
	nc         *nats.Conn
	js         jetstream.JetStream
	apiPrefix  string // of the subjects of JetStream's API
	domain     string // "" for that of the server
	log        zerolog.Logger
	logLimiter *logLimiter
	replicas   int
	closed     chan struct{}
	outage     outage.Detector
	recorder   Recorder
	tracing    tracing

	mu      sync.Mutex
	reasons map[string]bool // why it is disconnected, as logged; empty while connected

	fetching   *recentErrors // by consumer: the error of the last fetch
	publishing *recentErrors // by stream: the error of the last publish
}

// Connect returns at once, even if no server is reachable, and connects in the background
// until Close. It returns an error only for invalid options.
func Connect(o Options) (*Conn, error) {
	if err := checkURLs(o.URL); err != nil {
		return nil, err
	}
	c := &Conn{
		apiPrefix: "$JS.API.", domain: o.Domain,
		log: o.Logger, logLimiter: newLogLimiter(time.Minute), replicas: max(o.Replicas, 1), closed: make(chan struct{}),
		recorder: o.Recorder, tracing: newTracing(o.Tracer), fetching: &recentErrors{}, publishing: &recentErrors{maxAge: time.Minute},
	}
	if c.recorder == nil {
		c.recorder = nopRecorder{}
	}
	options, err := c.options(o)
	if err != nil {
		return nil, err
	}
	if c.nc, err = nats.Connect(o.URL, options...); err != nil {
		return nil, fmt.Errorf("connect to NATS: %w", err)
	}
	if c.js, err = c.newJetStream(); err != nil {
		c.nc.Close()
		return nil, fmt.Errorf("set up JetStream: %w", err)
	}
	go c.watchLeader()
	return c, nil
}

// newJetStream returns the JetStream context of the domain.
func (c *Conn) newJetStream() (jetstream.JetStream, error) {
	options := []jetstream.JetStreamOpt{
		jetstream.WithDefaultTimeout(apiTimeout),
		jetstream.WithPublishAsyncMaxPending(maxInFlight),
		jetstream.WithPublishAsyncTimeout(2 * apiTimeout),
	}
	if c.domain == "" {
		return jetstream.New(c.nc, options...)
	}
	c.apiPrefix = "$JS." + c.domain + ".API."
	return jetstream.NewWithDomain(c.nc, c.domain, options...)
}

// options disable the defaults that would end the connection (60 reconnects, two identical
// authentication errors) or report success for messages that are not sent (the buffer for
// messages published while disconnected).
func (c *Conn) options(o Options) ([]nats.Option, error) {
	options := []nats.Option{
		nats.Name(o.Name),
		nats.MaxReconnects(-1),
		nats.RetryOnFailedConnect(true),
		nats.IgnoreAuthErrorAbort(),
		nats.ReconnectBufSize(-1),
		nats.ReconnectWait(500 * time.Millisecond),
		nats.ReconnectJitter(250*time.Millisecond, time.Second),
		nats.PingInterval(10 * time.Second),
		nats.MaxPingsOutstanding(2),
		nats.DrainTimeout(drainTimeout),
		nats.ConnectHandler(c.onConnect),
		nats.ReconnectHandler(c.onReconnect),
		nats.DisconnectErrHandler(c.onDisconnect),
		nats.ReconnectErrHandler(c.onDisconnect),
		nats.ErrorHandler(c.onError),
		nats.ClosedHandler(c.onClosed),
	}
	if o.TLS != nil {
		options = append(options, nats.Secure(o.TLS))
	}
	if o.InboxPrefix != "" {
		options = append(options, nats.CustomInboxPrefix(o.InboxPrefix))
	}
	if o.Creds != "" {
		if _, err := os.Stat(o.Creds); err != nil {
			return nil, fmt.Errorf("NATS credentials: %w", err)
		}
		options = append(options, nats.UserCredentials(o.Creds))
	}
	return options, nil
}

// checkURLs returns an error for an invalid URL. It never quotes a URL, which may contain a
// password.
func checkURLs(list string) error {
	for i, one := range strings.Split(list, ",") {
		one = strings.TrimSpace(one)
		if !strings.Contains(one, "://") {
			one = "nats://" + one
		}
		if u, err := url.Parse(one); err != nil || u.Hostname() == "" {
			return fmt.Errorf("NATS URL number %d is invalid, want nats://host:port", i+1)
		}
	}
	return nil
}

func (c *Conn) disconnected() error {
	if last := c.nc.LastError(); last != nil {
		return fmt.Errorf("%w: %w", ErrDisconnected, last)
	}
	return ErrDisconnected
}

// Closed returns a channel that is closed when the connection is closed permanently.
func (c *Conn) Closed() <-chan struct{} { return c.closed }

// Close drains the connection for up to five seconds and disconnects.
func (c *Conn) Close() {
	if err := c.nc.Drain(); err != nil { // not connected: nothing to drain
		c.nc.Close()
	}
	<-c.closed
}

func (c *Conn) onConnect(nc *nats.Conn) {
	line := c.log.Info().Str("server", nc.ConnectedUrlRedacted())
	if lasted, ended := c.outage.Succeed(); ended {
		line = line.Int64("duration_ms", lasted.Milliseconds()) // of the disconnection
	}
	line.Msg("connected to NATS")
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reasons = nil
}

// onReconnect creates memory streams again, which a restart of the server loses.
func (c *Conn) onReconnect(nc *nats.Conn) {
	c.onConnect(nc)
	ctx, cancel := context.WithTimeout(context.Background(), 2*apiTimeout)
	defer cancel()
	if err := c.restoreMemoryStreams(ctx); err != nil && c.logLimiter.allow("restore "+err.Error()) {
		c.log.Warn().Err(err).Msg("progress events are not stored, run \"lazisync migrate\"")
	}
}

func (c *Conn) onDisconnect(_ *nats.Conn, err error) {
	if err == nil {
		return
	}
	c.mu.Lock()
	known := c.reasons[err.Error()]
	if c.reasons == nil || len(c.reasons) > 100 {
		c.reasons = map[string]bool{}
	}
	c.reasons[err.Error()] = true
	c.mu.Unlock()
	if c.outage.Fail() || !known { // another reason deserves a line, another attempt does not
		c.log.Warn().Err(err).Msg("not connected to NATS, reconnecting")
	}
}

// onError logs asynchronous errors. A missing permission appears only here: the caller of the
// request gets a timeout.
func (c *Conn) onError(_ *nats.Conn, sub *nats.Subscription, err error) {
	if !c.logLimiter.allow(err.Error()) {
		return
	}
	line := c.log.Error().Err(err)
	if sub != nil {
		line = line.Str("nats_subject", sub.Subject)
	}
	if errors.Is(err, nats.ErrPermissionViolation) {
		line.Msg("NATS user lacks a permission")
		return
	}
	line.Msg("NATS error")
}

func (c *Conn) onClosed(*nats.Conn) {
	c.log.Info().Msg("NATS connection closed")
	close(c.closed)
}
