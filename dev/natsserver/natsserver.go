package natsserver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/rs/zerolog"

	"github.com/lazi/lazisync/dev/ports"
)

// Options configure a server. Only Dir is required.
type Options struct {
	// Dir is the folder of the streams. They survive a restart.
	Dir string
	// Port on 127.0.0.1; 0 selects a free one.
	Port int
	// SyncAlways writes every message to disk before it is acknowledged, which lazisync
	// needs in production to survive a power failure. It is ten times slower. A killed
	// process loses nothing in either case.
	SyncAlways bool
	// Name of the server, default lazisync-dev. The names in a cluster differ.
	Name string
	// Domain of JetStream, "" for none.
	Domain string
	// Node makes the server one of a cluster; nil for a server of its own.
	Node *Node
	// User and Password of clients; without a User, no authentication.
	User, Password string
	// Log receives the server's warnings and errors, and its notices at debug level.
	Log zerolog.Logger
}

// Node is what a server of a cluster knows of the cluster.
type Node struct {
	// Port for the other servers, on 127.0.0.1.
	Port int
	// Routes are the addresses at which this server reaches the others. It uses no others.
	Routes []string
}

// Server is a running nats-server. Stop it before the process ends.
type Server struct {
	nats *server.Server
	user *url.Userinfo // nil without authentication
}

// maxPayload is nats-server's default. It is set explicitly because an event must fit.
const maxPayload = 1 << 20

// unreachable is the address that the servers of a cluster tell each other, so that they connect
// only by their configured routes, which a test can interrupt.
const unreachable = "127.0.0.1:1"

// startTimeout includes the time to open the streams of an earlier run, and to elect a leader of a cluster on a
// machine that is busy compiling.
const startTimeout = 90 * time.Second

// Start starts a server and returns when clients can connect and JetStream is available. In a
// cluster JetStream serves requests once most servers run.
func Start(ctx context.Context, o Options) (*Server, error) {
	if o.Dir == "" {
		return nil, errors.New("nats-server: Dir is empty, want a folder for its streams")
	}
	port := o.Port
	if port == 0 { // a free one that no other process selects while the server is restarted
		free, err := ports.Free(1)
		if err != nil {
			return nil, fmt.Errorf("nats-server: %w", err)
		}
		port = free[0]
	}
	options := &server.Options{
		ServerName:      cmp.Or(o.Name, "lazisync-dev"),
		Host:            "127.0.0.1",
		Port:            port,
		JetStream:       true,
		JetStreamDomain: o.Domain,
		StoreDir:        o.Dir,
		SyncAlways:      o.SyncAlways,
		Username:        o.User,
		Password:        o.Password,
		MaxPayload:      maxPayload,
		NoSigs:          true, // the calling program handles signals
	}
	if o.Node != nil {
		options.Cluster = server.ClusterOpts{Name: "lazisync", Host: "127.0.0.1", Port: o.Node.Port, Advertise: unreachable}
		options.Routes = server.RoutesFromStr("nats://" + strings.Join(o.Node.Routes, ",nats://"))
	}
	n, err := server.NewServer(options)
	if err != nil {
		return nil, fmt.Errorf("nats-server: %w", err)
	}
	log := &natsLog{log: o.Log}
	n.SetLoggerV2(log, false, false, false)
	s := &Server{nats: n}
	if o.User != "" {
		s.user = url.UserPassword(o.User, o.Password)
	}
	n.Start()
	if err := s.awaitReady(ctx, log); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

func (s *Server) awaitReady(ctx context.Context, log *natsLog) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		// nats-server reports a taken port and an unusable folder only to the logger.
		if err := log.fatal(); err != nil {
			return fmt.Errorf("nats-server: %w", err)
		}
		if s.nats.ReadyForConnections(20*time.Millisecond) && s.nats.JetStreamEnabled() {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("nats-server is not ready: %w", ctx.Err())
		}
	}
}

// URL returns the URL for clients, with user and password.
func (s *Server) URL() string {
	if s.user == nil {
		return s.nats.ClientURL()
	}
	return strings.Replace(s.nats.ClientURL(), "//", "//"+s.user.String()+"@", 1)
}

// SyncAlways reports whether JetStream writes each message to disk before it acknowledges it.
func (s *Server) SyncAlways() bool { return s.nats.JetStreamConfig().SyncAlways }

// Stop closes all connections, writes pending data and returns when the server has stopped.
func (s *Server) Stop() {
	s.nats.Shutdown()
	s.nats.WaitForShutdown()
}
