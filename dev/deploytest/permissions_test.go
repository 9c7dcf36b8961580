package deploytest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	natsd "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/stream"
)

// rounds are what each role asks of NATS, once. The tests in dev/examples run the roles
// themselves as these users.
var rounds = map[string]func(context.Context, *stand) error{
	"migrate": func(ctx context.Context, s *stand) error {
		if _, err := s.conn.Declare(ctx); err != nil {
			return err
		}
		if err := s.drift(ctx); err != nil {
			return err
		}
		_, err := s.conn.Declare(ctx)
		return err
	},
	"bridge": func(ctx context.Context, s *stand) error {
		return inTurn(
			func() error {
				return s.conn.Ready(ctx, stream.ConsumerRequests, stream.ConsumerControl, stream.ConsumerLost)
			},
			func() error { return s.acknowledge(ctx, stream.ConsumerRequests) },
			func() error { return s.acknowledge(ctx, stream.ConsumerControl) },
			func() error { return s.readLost(ctx) },
			func() error {
				return s.publish(ctx, "sync.accepted", "sync.rejected", "sync.completed", "sync.failed", "sync.cancelled")
			},
			func() error {
				return s.park(ctx, "sync.requested", "sync.control", "sync.completed", "sync.failed", "sync.cancelled", "sync.rejected")
			},
			func() error { return s.restore(ctx) },
		)
	},
	"worker": func(ctx context.Context, s *stand) error {
		return inTurn(
			func() error { return s.conn.Ready(ctx) },
			func() error {
				return s.publish(ctx, "sync.requested", "sync.started", "sync.progress", "sync.paused", "sync.resumed",
					"sync.completed", "sync.failed", "sync.cancelled")
			},
			func() error { return s.restore(ctx) },
		)
	},
	"notifier": func(ctx context.Context, s *stand) error {
		return inTurn(
			func() error { return s.conn.Ready(ctx, stream.ConsumerNotifier) },
			func() error { return s.acknowledge(ctx, stream.ConsumerNotifier) },
			func() error { return s.park(ctx, "sync.completed", "sync.failed", "sync.cancelled", "sync.rejected") },
			func() error { return s.restore(ctx) },
		)
	},
	"gateway": func(ctx context.Context, s *stand) error {
		return inTurn(
			func() error { return s.conn.Ready(ctx) },
			func() error { return s.publish(ctx, "sync.requested", "sync.control") },
			func() error { return s.follow(ctx) },
			func() error { return s.restore(ctx) },
		)
	},
	"operator": func(ctx context.Context, s *stand) error {
		return inTurn(
			func() error { return s.publish(ctx, "sync.requested", "sync.control") },
			func() error { return s.follow(ctx) },
			func() error { return s.conn.DeadLetters(ctx, func(stream.Parked) error { return nil }) },
			func() error { _, err := s.conn.Drift(ctx, stream.Consumers()...); return err },
			func() error { return s.restore(ctx) },
		)
	},
}

// Every permission is needed: without it the log names what is refused. With all of them
// nothing is.
func TestEveryNATSPermissionIsNeededAndItsLackNamed(t *testing.T) {
	t.Parallel()
	options := natsOptions(t)
	options.SyncAlways = false // nothing to lose
	var group errgroup.Group
	group.SetLimit(16)
	problems := make(chan error, 200)
	for user := range rounds {
		permissions := permissionsOf(t, options, user)
		for _, lacking := range slices.Concat([]string{""}, permissions.Publish.Allow, permissions.Subscribe.Allow) {
			dir := t.TempDir()
			group.Go(func() error {
				if err := oneRound(t, options, user, lacking, dir); err != nil {
					problems <- fmt.Errorf("%s without %q: %w", user, lacking, err)
				}
				return nil
			})
		}
	}
	require.NoError(t, group.Wait())
	close(problems)
	var all []error
	for problem := range problems {
		all = append(all, problem)
	}
	require.NoError(t, errors.Join(all...))
}

func permissionsOf(t *testing.T, o *natsd.Options, user string) *natsd.Permissions {
	t.Helper()
	for _, u := range o.Users {
		if u.Username == user {
			return u.Permissions
		}
	}
	require.Fail(t, "no such user", user)
	return nil
}

// oneRound goes the round of a user that lacks one of its permissions, or none.
func oneRound(t *testing.T, options *natsd.Options, user, lacking, dir string) error {
	options = options.Clone()
	options.StoreDir = dir
	options.Users = append(withoutOne(options.Users, user, lacking), &natsd.User{Username: "root", Password: "root"})
	server, err := natsd.NewServer(options)
	if err != nil {
		return err
	}
	server.Start()
	defer server.WaitForShutdown()
	defer server.Shutdown()
	if !server.ReadyForConnections(patience) {
		return errors.New("the server is not ready")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	refused := &refusalLog{refused: cancel}
	s, err := newStand(ctx, server, user, refused)
	if err != nil {
		return err
	}
	defer s.close()
	err = rounds[user](ctx, s)
	subject := refused.subject()
	switch {
	case lacking == "" && err != nil:
		return err
	case lacking == "" && subject != "":
		return fmt.Errorf("%s is refused", subject)
	case lacking != "" && (subject == "" || !natsd.SubjectsCollide(subject, lacking)):
		return fmt.Errorf("it is not needed, or its lack is not named: %q is, error %s", subject, fmt.Sprint(err))
	}
	return nil
}

func withoutOne(users []*natsd.User, user, lacking string) []*natsd.User {
	var list []*natsd.User
	for _, u := range users {
		copied := *u
		if u.Username == user {
			other := func(p *natsd.SubjectPermission) *natsd.SubjectPermission {
				rest := slices.DeleteFunc(slices.Clone(p.Allow), func(s string) bool { return s == lacking })
				if len(rest) == 0 { // an empty list would allow everything
					rest = []string{"nothing"}
				}
				return &natsd.SubjectPermission{Allow: rest, Deny: p.Deny}
			}
			copied.Permissions = &natsd.Permissions{Publish: other(u.Permissions.Publish), Subscribe: other(u.Permissions.Subscribe)}
		}
		list = append(list, &copied)
	}
	return list
}

// refusalLog reads a role's log for the subject that was refused.
type refusalLog struct {
	refused func()
	mu      sync.Mutex
	text    bytes.Buffer
}

func (l *refusalLog) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if bytes.Contains(line, []byte("NATS user lacks a permission")) {
		l.refused()
	}
	return l.text.Write(line)
}

var violation = regexp.MustCompile(`(?i)permissions violation for (?:publish|subscription) to \\"([^"\\]+)\\".*NATS user lacks a permission`)

func (l *refusalLog) subject() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if m := violation.FindStringSubmatch(l.text.String()); m != nil {
		return m[1]
	}
	return ""
}

// stand is a role at a server, and somebody who may do everything.
type stand struct {
	server *natsd.Server
	conn   *stream.Conn
	root   *nats.Conn
	js     jetstream.JetStream
}

func newStand(ctx context.Context, server *natsd.Server, user string, log *refusalLog) (*stand, error) {
	s := &stand{server: server}
	var err error
	if s.root, err = nats.Connect(server.ClientURL(), nats.UserInfo("root", "root")); err != nil {
		return nil, err
	}
	if s.js, err = jetstream.New(s.root); err != nil {
		return nil, err
	}
	connect := func(user, password string, log zerolog.Logger) (*stream.Conn, error) {
		return stream.Connect(stream.Options{
			URL: strings.Replace(server.ClientURL(), "//", "//"+user+":"+password+"@", 1), InboxPrefix: "_INBOX_" + user, Name: user, Logger: log,
		})
	}
	if user != "migrate" {
		migrate, err := connect("root", "root", zerolog.Nop())
		if err != nil {
			return nil, err
		}
		defer migrate.Close()
		if _, err := migrate.Declare(ctx); err != nil {
			return nil, err
		}
	}
	s.conn, err = connect(user, "demo-"+user, zerolog.New(log))
	return s, err
}

func (s *stand) close() {
	s.conn.Close()
	s.root.Close()
}

func inTurn(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// drift changes a stream and a consumer, for migrate to mend.
func (s *stand) drift(ctx context.Context) error {
	found, err := s.js.Stream(ctx, stream.StreamEvents)
	if err != nil {
		return err
	}
	config := found.CachedInfo().Config
	config.MaxAge += time.Hour
	if _, err := s.js.UpdateStream(ctx, config); err != nil {
		return err
	}
	consumer, err := s.js.Consumer(ctx, stream.StreamEvents, stream.ConsumerNotifier)
	if err != nil {
		return err
	}
	changed := consumer.CachedInfo().Config
	changed.MaxAckPending++
	_, err = s.js.UpdateConsumer(ctx, stream.StreamEvents, changed)
	return err
}

// subjectOf is a subject that a consumer reads.
var subjectOf = map[string]string{
	stream.ConsumerRequests: "sync.requested", stream.ConsumerControl: "sync.control", stream.ConsumerNotifier: "sync.completed",
}

// acknowledge reads one message of a consumer and acknowledges it.
func (s *stand) acknowledge(ctx context.Context, consumer string) error {
	if _, err := s.js.Publish(ctx, subjectOf[consumer], []byte("{}")); err != nil {
		return err
	}
	return s.batch(ctx, consumer, func(ctx context.Context, m *stream.Message) error { return m.Ack(ctx) })
}

// batch has one message handled without an error.
func (s *stand) batch(ctx context.Context, consumer string, handle func(context.Context, *stream.Message) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var last error
	err := s.conn.Batches(ctx, consumer, stream.BatchOptions{}, func(_ context.Context, batch []*stream.Message) error {
		if last = handle(ctx, batch[0]); last == nil {
			stop()
		}
		return last
	})
	return errors.Join(err, last)
}

// readLost reads of a command and of an event that nobody settled.
func (s *stand) readLost(ctx context.Context) error {
	for name, consumer := range map[string]string{stream.StreamCommands: stream.ConsumerRequests, stream.StreamEvents: stream.ConsumerNotifier} {
		ack, err := s.js.Publish(ctx, subjectOf[consumer], []byte("{}"))
		if err != nil {
			return err
		}
		advisory := fmt.Sprintf(`{"stream":%q,"consumer":%q,"stream_seq":%d,"deliveries":1000}`, name, consumer, ack.Sequence)
		if _, err := s.js.Publish(ctx, "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES."+name+"."+consumer, []byte(advisory)); err != nil {
			return err
		}
		err = s.batch(ctx, stream.ConsumerLost, func(ctx context.Context, m *stream.Message) error {
			return s.conn.Lost(ctx, []*stream.Message{m}, func(l *stream.Lost) error { return l.Ack(ctx) })
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *stand) publish(ctx context.Context, subjects ...string) error {
	for _, subject := range subjects {
		definition, _ := events.BySubject(subject)
		var event events.Event
		event.SetSpecVersion("1.0")
		event.SetID("1")
		event.SetSource("/test")
		event.SetType(definition.Name)
		if err := s.conn.Publish(ctx, event); err != nil {
			return err
		}
	}
	return nil
}

func (s *stand) park(ctx context.Context, subjects ...string) error {
	for i, subject := range subjects {
		m := events.Message{Subject: subject, Stream: "x", Sequence: uint64(i), Data: []byte("{}")}
		if _, _, err := s.conn.DeadLetter(ctx, m, events.Rejection{Code: events.CodeExpired}, 1); err != nil {
			return err
		}
	}
	return nil
}

// follow reads events as they happen, also over the loss of its consumer.
func (s *stand) follow(ctx context.Context) error {
	heard := make(chan string, 10)
	err := s.conn.Subscribe(ctx, []string{"sync.completed", "sync.progress"}, stream.From{}, func(m events.Message) { heard <- m.Subject })
	if err != nil {
		return err
	}
	for range 2 {
		for _, subject := range []string{"sync.completed", "sync.progress"} {
			if _, err := s.js.Publish(ctx, subject, []byte("{}")); err != nil {
				return err
			}
			select {
			case <-heard:
			case <-ctx.Done():
				return fmt.Errorf("%s is not heard: %w", subject, ctx.Err())
			}
		}
		if err := s.dropFollower(ctx); err != nil {
			return err
		}
	}
	return nil
}

// dropFollower deletes the consumer that somebody follows events with.
func (s *stand) dropFollower(ctx context.Context) error {
	found, err := s.js.Stream(ctx, stream.StreamEvents)
	if err != nil {
		return err
	}
	names := found.ConsumerNames(ctx)
	for name := range names.Name() {
		if name != stream.ConsumerNotifier {
			if err := found.DeleteConsumer(ctx, name); err != nil {
				return err
			}
		}
	}
	return names.Err()
}

// restore has the stream in memory lost, as a restart of the server does, and made again.
func (s *stand) restore(ctx context.Context) error {
	if err := s.js.DeleteStream(ctx, stream.StreamProgress); err != nil {
		return err
	}
	connections, err := s.server.Connz(nil)
	if err != nil {
		return err
	}
	for _, c := range connections.Conns {
		if c.Name != "" { // root has none
			if err := s.server.DisconnectClientByID(c.Cid); err != nil {
				return err
			}
		}
	}
	for {
		if _, err := s.js.Stream(ctx, stream.StreamProgress); !errors.Is(err, jetstream.ErrStreamNotFound) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(tick):
		}
	}
}
