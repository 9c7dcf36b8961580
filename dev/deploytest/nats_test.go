package deploytest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	natsd "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
)

const (
	patience = time.Minute
	tick     = 5 * time.Millisecond
)

// setPasswords puts the demo's passwords into the environment of this process, where the
// server takes those of its configuration from.
func setPasswords() error {
	c, err := Load(context.Background(), root, demoEnv)
	if err != nil {
		return err
	}
	environ, err := c.Environ("nats")
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		err = errors.Join(err, os.Setenv(name, value))
	}
	return err
}

// natsOptions are those of deploy/nats.conf with the passwords of the demo.
func natsOptions(t *testing.T) *natsd.Options {
	t.Helper()
	options, err := natsd.ProcessConfigFile(filepath.Join(root, "deploy", "nats.conf"))
	require.NoError(t, err)
	require.True(t, options.SyncAlways, "what was accepted must survive a power failure")
	require.Equal(t, "/data", options.StoreDir)
	options.Host, options.Port, options.HTTPPort, options.StoreDir, options.NoSigs = "127.0.0.1", natsd.RANDOM_PORT, 0, t.TempDir(), true
	return options
}

func startNATS(t *testing.T) *natsd.Server {
	t.Helper()
	return serveNATS(t, natsOptions(t))
}

func serveNATS(t *testing.T, options *natsd.Options) *natsd.Server {
	t.Helper()
	server, err := natsd.NewServer(options)
	require.NoError(t, err)
	server.Start()
	t.Cleanup(func() { server.Shutdown(); server.WaitForShutdown() })
	require.True(t, server.ReadyForConnections(patience))
	return server
}

// mayPublish lists which events each user may publish. Everything else of the catalogue,
// dead letters included, is refused.
var mayPublish = map[string][]string{
	"migrate": nil,
	"bridge": {
		"sync.accepted", "sync.rejected", "sync.completed", "sync.failed", "sync.cancelled", "sync.stale", "sync.fresh",
		"deadletter.sync.requested", "deadletter.sync.control",
		"deadletter.sync.completed", "deadletter.sync.failed", "deadletter.sync.cancelled", "deadletter.sync.rejected",
		"deadletter.sync.stale", "deadletter.sync.fresh",
	},
	"worker": {
		"sync.requested", "sync.started", "sync.progress", "sync.paused", "sync.resumed", "sync.completed", "sync.failed", "sync.cancelled",
	},
	"notifier": {
		"deadletter.sync.completed", "deadletter.sync.failed", "deadletter.sync.cancelled", "deadletter.sync.rejected",
		"deadletter.sync.stale", "deadletter.sync.fresh",
	},
	"gateway":   {"sync.requested", "sync.control"},
	"operator":  {"sync.requested", "sync.control"},
	"publisher": {"sync.requested", "sync.control"},
	"consumer":  nil,
}

// forbidden are the subjects on which no user may publish, because that loses messages or
// delivers them to another process.
var forbidden = []string{
	"$JS.API.STREAM.DELETE.SYNC_COMMANDS", "$JS.API.STREAM.PURGE.SYNC_COMMANDS", "$JS.API.STREAM.MSG.DELETE.SYNC_INCIDENTS",
	"$SYS.REQ.SERVER.PING", "another.subject",
}

// restrictedTo lists the only users that may publish on a subject.
var restrictedTo = map[string][]string{
	"$JS.API.STREAM.CREATE.SYNC_COMMANDS":                     {"migrate"},
	"$JS.API.STREAM.UPDATE.SYNC_EVENTS":                       {"migrate"},
	"$JS.API.STREAM.MSG.DELETE.SYNC_COMMANDS":                 {"operator"},
	"$JS.API.STREAM.MSG.DELETE.SYNC_EVENTS":                   {"operator"},
	"$JS.API.STREAM.MSG.DELETE.SYNC_DEADLETTER":               {"operator"},
	"$JS.API.CONSUMER.CREATE.SYNC_COMMANDS.x":                 {"migrate", "operator"},
	"$JS.API.CONSUMER.CREATE.SYNC_COMMANDS.bridge-requests":   {"migrate"},
	"$JS.API.CONSUMER.CREATE.SYNC_COMMANDS.bridge-control.x":  {"migrate"},
	"$JS.API.CONSUMER.DELETE.SYNC_COMMANDS.bridge-control":    {"migrate"},
	"$JS.API.CONSUMER.CREATE.SYNC_EVENTS.notifier":            {"migrate"},
	"$JS.API.CONSUMER.DELETE.SYNC_EVENTS.notifier":            {"migrate"},
	"$JS.API.CONSUMER.DURABLE.CREATE.SYNC_EVENTS.notifier":    nil,
	"$JS.API.CONSUMER.DURABLE.CREATE.SYNC_EVENTS.x":           {"consumer"},
	"$JS.API.CONSUMER.DELETE.SYNC_COMMANDS.bridge-requests":   {"migrate"},
	"$JS.API.CONSUMER.PAUSE.SYNC_COMMANDS.bridge-requests":    {"migrate"},
	"$JS.API.CONSUMER.MSG.NEXT.SYNC_COMMANDS.bridge-requests": {"bridge"},
	"$JS.API.CONSUMER.MSG.NEXT.SYNC_COMMANDS.bridge-control":  {"bridge"},
	"$JS.API.CONSUMER.MSG.NEXT.SYNC_EVENTS.notifier":          {"notifier"},
	"$JS.API.STREAM.MSG.GET.SYNC_DEADLETTER":                  {"gateway", "operator"},
	"$JS.API.STREAM.MSG.GET.SYNC_COMMANDS":                    {"bridge"},
	"$JS.API.STREAM.MSG.GET.SYNC_INCIDENTS":                   {"notifier"},
	"incidents.outages/1001/full":                             {"notifier"},
	"$JS.API.STREAM.MSG.GET.SYNC_EVENTS":                      {"bridge", "worker"},
	"$JS.API.CONSUMER.MSG.NEXT.SYNC_ADVISORIES.bridge-lost":   {"bridge"},
	"$JS.ACK.SYNC_ADVISORIES.bridge-lost.1.1.1.1.0":           {"bridge"},
	"$JS.ACK.SYNC_COMMANDS.bridge-requests.1.1.1.1.0":         {"bridge"},
	"$JS.ACK.SYNC_EVENTS.notifier.1.1.1.1.0":                  {"notifier"},
}

func TestNATSUsersHaveOnlyNeededPermissions(t *testing.T) {
	t.Parallel()
	server := startNATS(t)
	for user, allowed := range mayPublish {
		expected := map[string]bool{}
		for _, d := range events.All() {
			for _, subject := range []string{d.Subject, "deadletter." + d.Subject} {
				expected[subject] = slices.Contains(allowed, subject)
			}
		}
		for _, subject := range forbidden {
			expected[subject] = false
		}
		for subject, who := range restrictedTo {
			expected[subject] = slices.Contains(who, user)
		}
		refused := refusals(t, server.ClientURL(), user, expected)
		for subject, may := range expected {
			require.Equal(t, may, !refused[subject], "%s publishes on %s", user, subject)
		}
	}
	environ, err := load(t, demoEnv).Environ("nats")
	require.NoError(t, err)
	require.Len(t, environ, len(mayPublish), "every user is in this test")
}

// refusals publishes on every subject and returns those that the server refused.
func refusals(t *testing.T, url, user string, subjects map[string]bool) map[string]bool {
	t.Helper()
	const last = "the.end" // refused for every user; the server reports refusals in order
	violations := make(chan string, len(subjects)+1)
	nc, err := nats.Connect(url,
		nats.UserInfo(user, os.Getenv("NATS_"+strings.ToUpper(user)+"_PASSWORD")),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			if errors.Is(err, nats.ErrPermissionViolation) {
				violations <- err.Error()
			}
		}))
	require.NoError(t, err)
	defer nc.Close()
	for subject := range subjects {
		require.NoError(t, nc.Publish(subject, nil))
	}
	require.NoError(t, nc.Publish(last, nil))
	refused := map[string]bool{}
	for !refused[last] {
		select {
		case text := <-violations: // … Permissions Violation for Publish to "sync.x"
			_, quoted, _ := strings.Cut(text, `"`)
			subject, _, _ := strings.Cut(quoted, `"`)
			refused[subject] = true
		case <-time.After(patience):
			require.Fail(t, "the server does not refuse", "%s %v", user, refused)
		}
	}
	return refused
}

func TestNATSRequiresPasswords(t *testing.T) {
	t.Parallel()
	server := startNATS(t)
	for _, options := range [][]nats.Option{nil, {nats.UserInfo("bridge", "demo-worker")}, {nats.UserInfo("root", "")}} {
		_, err := nats.Connect(server.ClientURL(), options...)
		require.ErrorIs(t, err, nats.ErrAuthorization)
	}
}
