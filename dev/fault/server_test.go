package fault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/natsserver"
	"github.com/lazi/lazisync/dev/ports"
	"github.com/lazi/lazisync/dev/process"
	"github.com/lazi/lazisync/dev/stack"
	"github.com/lazi/lazisync/dev/temporalserver"
	"github.com/lazi/lazisync/internal/store"
)

const (
	serverVariable = "LAZISYNC_FAULT_SERVER"
	natsKind       = "nats"
	temporalKind   = "temporal"
	stackKind      = "stack"
	readyLine      = "the server is ready"
)

// serverOptions select the server that a process runs.
type serverOptions struct {
	Kind               string
	Data               string // folder of NATS or of a stack, file of Temporal
	PostgresURL        string // where Temporal keeps its data instead
	Config             string // file with the configuration of NATS, read again at SIGHUP; "" for the usual one
	Port               int
	Name               string           // of the server in a cluster of NATS
	Node               *natsserver.Node // its place in the cluster, nil without one
	ContinueAsNewAfter int
	Durable            bool // flushes each write to the disk, as in production
}

// server is a server in its own process, always with the same port and data.
type server struct {
	*process.Process // the latest
	options          serverOptions
	logs             []*process.Log // of all of them
}

func newServer(t testing.TB, o serverOptions) *server {
	t.Helper()
	free, err := ports.Free(1)
	require.NoError(t, err)
	o.Port = free[0]
	return &server{options: o}
}

func (s *server) addr() string { return ports.Addr(s.options.Port) }

// start runs the server and returns when it answers.
func (s *server) start() error {
	encoded, err := json.Marshal(s.options)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), serverVariable + "=" + string(encoded)}
	p, err := process.Start(cmd)
	if err != nil {
		return err
	}
	s.Process, s.logs = p, append(s.logs, p.Log)
	return p.Await(waitLimit, func(log *process.Log) bool { return strings.Contains(log.String(), readyLine) })
}

// restart starts it again where it was.
func (s *server) restart(t testing.TB) {
	t.Helper()
	require.NoError(t, s.start())
}

// serve runs the requested server in this process until a signal ends it.
func serve(encoded string) (code int) {
	var o serverOptions
	if err := json.Unmarshal([]byte(encoded), &o); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	end, err := startServer(ctx, o)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println(readyLine)
	<-ctx.Done()
	if err := end(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func startServer(ctx context.Context, o serverOptions) (end func() error, err error) {
	log := zerolog.New(os.Stderr).Level(zerolog.WarnLevel).With().Timestamp().Logger()
	switch o.Kind {
	case natsKind:
		if o.Config != "" {
			return startConfigured(ctx, o)
		}
		s, err := natsserver.Start(ctx, natsserver.Options{Dir: o.Data, Port: o.Port, Name: o.Name, Node: o.Node, SyncAlways: o.Durable, Log: log})
		if err != nil {
			return nil, err
		}
		return func() error { s.Stop(); return nil }, nil
	case temporalKind:
		s, err := temporalserver.Start(ctx, temporalserver.Options{
			File: o.Data, PostgresURL: o.PostgresURL, Port: o.Port, ContinueAsNewAfter: o.ContinueAsNewAfter, Unsafe: !o.Durable,
			Log: log.Level(zerolog.ErrorLevel),
		})
		if err != nil {
			return nil, err
		}
		return s.Stop, nil
	case stackKind:
		return startStack(ctx, o)
	}
	return nil, errors.New("no such server: " + o.Kind)
}

// startStack starts all servers of lazisync-dev, and uses PostgreSQL and the simulated ServiceTitan once.
func startStack(ctx context.Context, o serverOptions) (end func() error, err error) {
	s, err := stack.Start(ctx, stack.Options{Dir: o.Data, Environ: os.Environ(), Isolated: true, FreePorts: true, Log: zerolog.Nop()})
	if err != nil {
		return nil, err
	}
	s.Simulator.Mutate(10)
	db, err := store.Open(ctx, s.Variable("DATABASE_URL"), store.Options{})
	if err == nil {
		_, err = db.Migrate(ctx)
		db.Close()
	}
	if err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s.Stop, nil
}
