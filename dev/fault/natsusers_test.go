package fault

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	natsd "github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"
)

// configureNATS makes the server read its users from a file.
func (r *rig) configureNATS(t *testing.T, users func() string) {
	t.Helper()
	if users == nil {
		return
	}
	r.nats.options.Config = filepath.Join(t.TempDir(), "nats.conf")
	r.natsUsers = users
	r.writeUsers(t)
}

func (r *rig) writeUsers(t *testing.T) {
	t.Helper()
	o := r.nats.options
	text := fmt.Sprintf("listen: %q\njetstream { store_dir: %q }\n%s\n", r.nats.addr(), o.Data, r.natsUsers())
	require.NoError(t, os.WriteFile(o.Config, []byte(text), 0o600))
}

// reloadUsers makes the running server reload its users.
func (r *rig) reloadUsers(t *testing.T) {
	t.Helper()
	r.writeUsers(t)
	r.nats.Signal(syscall.SIGHUP)
}

// startConfigured starts a nats-server with a configuration file.
func startConfigured(ctx context.Context, o serverOptions) (end func() error, err error) {
	options, err := natsd.ProcessConfigFile(o.Config)
	if err != nil {
		return nil, err
	}
	options.NoSigs = true
	s, err := natsd.NewServer(options)
	if err != nil {
		return nil, err
	}
	s.ConfigureLogger()
	s.Start()
	if !s.ReadyForConnections(waitLimit) || !s.JetStreamEnabled() {
		return nil, errors.New("nats-server is not ready")
	}
	hangUp := make(chan os.Signal, 1)
	signal.Notify(hangUp, syscall.SIGHUP)
	go func() {
		for {
			select {
			case <-hangUp:
				if err := s.Reload(); err != nil {
					fmt.Fprintln(os.Stderr, "reload:", err)
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() error { s.Shutdown(); s.WaitForShutdown(); return nil }, nil
}
