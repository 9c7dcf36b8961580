package natsserver

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/rs/zerolog"
)

// Options say what to start. Only Dir is required.
type Options struct {
	// Dir keeps the streams between starts.
	Dir string
	// Port on 127.0.0.1; 0 takes a free one.
	Port int
	// SyncAlways has every message on disk before it is acknowledged, as lazisync
	// needs in production to survive a power failure. A tenth as fast; a process
	// that is merely killed loses nothing either way.
	SyncAlways bool
	// User and Password are asked of clients, if there are any.
	User, Password string
	// Log receives the server's warnings and errors, and its notices at debug level.
	Log zerolog.Logger
}

// Server is a running nats-server. Stop it before the process ends.
type Server struct {
	nats *server.Server
	user *url.Userinfo // nil where everybody is let in
}

// maxPayload is nats-server's own default, written down because an event must fit into it.
const maxPayload = 1 << 20

// startLimit is for opening the streams of an earlier run.
const startLimit = 30 * time.Second

// Start returns when clients can connect and JetStream answers.
func Start(ctx context.Context, o Options) (*Server, error) {
	if o.Dir == "" {
		return nil, errors.New("nats-server: Dir is empty, want a folder for its streams")
	}
	port := o.Port
	if port == 0 {
		port = server.RANDOM_PORT
	}
	n, err := server.NewServer(&server.Options{
		ServerName: "lazisync-dev",
		Host:       "127.0.0.1",
		Port:       port,
		JetStream:  true,
		StoreDir:   o.Dir,
		SyncAlways: o.SyncAlways,
		Username:   o.User,
		Password:   o.Password,
		MaxPayload: maxPayload,
		NoSigs:     true, // Ctrl-C belongs to the program around it
	})
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
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for {
		// A port that is taken and a folder that cannot be used are reported to the
		// logger as fatal, and nowhere else.
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

// URL returns where clients connect, and as whom.
func (s *Server) URL() string {
	if s.user == nil {
		return s.nats.ClientURL()
	}
	return strings.Replace(s.nats.ClientURL(), "//", "//"+s.user.String()+"@", 1)
}

// SyncAlways says whether JetStream has each message on disk before it acknowledges it.
func (s *Server) SyncAlways() bool { return s.nats.JetStreamConfig().SyncAlways }

// Stop closes all connections, writes what is open and returns when nothing of it runs.
func (s *Server) Stop() {
	s.nats.Shutdown()
	s.nats.WaitForShutdown()
}
