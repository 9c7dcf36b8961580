package stream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
)

// ErrDisconnected says that NATS cannot be reached right now. Nothing was sent.
var ErrDisconnected = errors.New("not connected to NATS")

const (
	apiTimeout   = 5 * time.Second // for a call whose context has no deadline
	drainTimeout = 5 * time.Second
	// maxInFlight is how many events PublishAll sends ahead of their acknowledgements.
	maxInFlight = 1000
)

// Options say how to connect.
type Options struct {
	URL         string      // one or several, separated by commas
	Creds       string      // file with the credentials, read again at each connect; may be empty
	Name        string      // what the server's list of connections shows
	TLS         *tls.Config // nil: as the URL and the server say
	InboxPrefix string      // default _INBOX; its own prefix keeps other users from reading the replies
	Replicas    int         // of streams that Declare creates; default 1
	Logger      zerolog.Logger
}

// Conn is a connection to NATS that never gives up.
type Conn struct {
	nc       *nats.Conn
	js       jetstream.JetStream
	log      zerolog.Logger
	quiet    *quiet
	replicas int
	closed   chan struct{}

	fetching   *troubles // by consumer: why the last request for messages was not served
	publishing *troubles // by stream: why the last event was not stored
}

// Connect returns at once, also while no server answers: it goes on trying
// until Close. Only options that can never work are an error.
func Connect(o Options) (*Conn, error) {
	if err := checkURLs(o.URL); err != nil {
		return nil, err
	}
	c := &Conn{
		log: o.Logger, quiet: newQuiet(time.Minute), replicas: max(o.Replicas, 1), closed: make(chan struct{}),
		fetching: &troubles{}, publishing: &troubles{limit: time.Minute},
	}
	options, err := c.options(o)
	if err != nil {
		return nil, err
	}
	if c.nc, err = nats.Connect(o.URL, options...); err != nil {
		return nil, fmt.Errorf("connect to NATS: %w", err)
	}
	c.js, err = jetstream.New(c.nc,
		jetstream.WithDefaultTimeout(apiTimeout),
		jetstream.WithPublishAsyncMaxPending(maxInFlight),
		jetstream.WithPublishAsyncTimeout(2*apiTimeout))
	if err != nil {
		c.nc.Close()
		return nil, fmt.Errorf("set up JetStream: %w", err)
	}
	return c, nil
}

// options turn off every default that would end the connection (60 reconnects,
// two equal authentication errors) or pretend that something was sent (the
// buffer for what is published while disconnected).
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

// checkURLs never quotes a URL: it may hold a password.
func checkURLs(list string) error {
	for i, one := range strings.Split(list, ",") {
		one = strings.TrimSpace(one)
		if !strings.Contains(one, "://") {
			one = "nats://" + one
		}
		if u, err := url.Parse(one); err != nil || u.Hostname() == "" {
			return fmt.Errorf("NATS URL number %d cannot be read, want nats://host:port", i+1)
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

// Closed is closed when the connection has ended for good.
func (c *Conn) Closed() <-chan struct{} { return c.closed }

// Close lets what is under way finish, for a few seconds, and disconnects.
func (c *Conn) Close() {
	if err := c.nc.Drain(); err != nil { // not connected: there is nothing to wait for
		c.nc.Close()
	}
	<-c.closed
}

func (c *Conn) onConnect(nc *nats.Conn) {
	c.log.Info().Str("server", nc.ConnectedUrlRedacted()).Msg("connected to NATS")
}

// onReconnect may follow a restart of the server, which loses streams in memory.
func (c *Conn) onReconnect(nc *nats.Conn) {
	c.onConnect(nc)
	ctx, cancel := context.WithTimeout(context.Background(), 2*apiTimeout)
	defer cancel()
	if err := c.restoreVolatile(ctx); err != nil && c.quiet.allow("restore "+err.Error()) {
		c.log.Warn().Err(err).Msg("progress is not kept, run \"lazisync migrate\"")
	}
}

func (c *Conn) onDisconnect(_ *nats.Conn, err error) {
	if err != nil && c.quiet.allow("disconnect "+err.Error()) {
		c.log.Warn().Err(err).Msg("not connected to NATS, trying again")
	}
}

// onError is the only place where a missing permission shows: who published or
// asked sees nothing but a timeout.
func (c *Conn) onError(_ *nats.Conn, sub *nats.Subscription, err error) {
	if !c.quiet.allow(err.Error()) {
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
