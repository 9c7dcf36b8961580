package deploytest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	natsd "github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/stream"
)

// rounds are the requests of each user to NATS, once. The tests in dev/examples run the roles
// themselves as these users.
var rounds = map[string]func(context.Context, *harness) error{
	"migrate": func(ctx context.Context, s *harness) error {
		if _, err := s.conn.Declare(ctx); err != nil {
			return err
		}
		if err := s.drift(ctx); err != nil {
			return err
		}
		_, err := s.conn.Declare(ctx)
		return err
	},
	"bridge": func(ctx context.Context, s *harness) error {
		return inTurn(
			func() error {
				return s.conn.Ready(ctx, stream.ConsumerRequests, stream.ConsumerControl, stream.ConsumerMaxDeliveries)
			},
			func() error { return s.acknowledge(ctx, stream.ConsumerRequests) },
			func() error { return s.acknowledge(ctx, stream.ConsumerControl) },
			func() error { return s.readAdvisories(ctx) },
			func() error {
				return s.publish(ctx, "sync.accepted", "sync.rejected", "sync.completed", "sync.failed", "sync.cancelled", "sync.stale", "sync.fresh")
			},
			func() error {
				return s.publishDeadLetters(ctx, "sync.requested", "sync.control", "sync.completed", "sync.failed", "sync.cancelled", "sync.rejected",
					"sync.stale", "sync.fresh")
			},
			func() error { return s.restore(ctx) },
		)
	},
	"worker": func(ctx context.Context, s *harness) error {
		return inTurn(
			func() error { return s.conn.Ready(ctx) },
			func() error {
				return s.publish(ctx, "sync.requested", "sync.started", "sync.progress", "sync.paused", "sync.resumed",
					"sync.completed", "sync.failed", "sync.cancelled")
			},
			func() error { return s.restore(ctx) },
		)
	},
	"notifier": func(ctx context.Context, s *harness) error {
		return inTurn(
			func() error { return s.conn.Ready(ctx, stream.ConsumerNotifier) },
			func() error { return s.acknowledge(ctx, stream.ConsumerNotifier) },
			func() error {
				return s.publishDeadLetters(ctx, "sync.completed", "sync.failed", "sync.cancelled", "sync.rejected", "sync.stale", "sync.fresh")
			},
			func() error { _, _, err := s.conn.Incidents().Load(ctx, "outages/1001/full"); return err },
			func() error { _, err := s.conn.Incidents().Store(ctx, "outages/1001/full", nil, 0); return err },
			func() error { return s.restore(ctx) },
		)
	},
	"gateway": func(ctx context.Context, s *harness) error {
		return inTurn(
			func() error { return s.conn.Ready(ctx) },
			func() error { return s.publish(ctx, "sync.requested", "sync.control") },
			func() error { return s.follow(ctx) },
			func() error { return s.latestDeadLetters(ctx) },
			func() error { return s.serve(ctx) },
			func() error {
				return s.conn.History(ctx, []string{"sync.completed"}, time.Now().Add(-time.Hour), 1, func(events.Message) bool { return true })
			},
			func() error { return s.restore(ctx) },
		)
	},
	"operator": func(ctx context.Context, s *harness) error {
		return inTurn(
			func() error { return s.publish(ctx, "sync.requested", "sync.control") },
			func() error { return s.follow(ctx) },
			func() error { return s.conn.DeadLetters(ctx, func(events.RejectedMessage) error { return nil }) },
			func() error { return s.ask(ctx, stream.ServiceSubject("status"), "$SRV.PING") },
			func() error { _, err := s.conn.Drift(ctx, stream.Consumers()...); return err },
			func() error { return s.erase(ctx) },
			func() error { return s.restore(ctx) },
		)
	},
	"publisher": func(ctx context.Context, s *harness) error { return s.requestSyncs(ctx) },
	"consumer":  func(ctx context.Context, s *harness) error { return s.consumeEvents(ctx) },
}

// Every permission is needed: without it the log names the refused subject. With all of them
// nothing is refused.
func TestMissingNATSPermissionsAreNamed(t *testing.T) {
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

// oneRound sends the requests of a user that lacks at most one of its permissions.
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
	subject, err := refusalOf(t.Context(), server, user, "")
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

// refusalOf sends the requests of a user and returns the subject that was refused, "" if none was.
func refusalOf(ctx context.Context, server *natsd.Server, user, domain string) (subject string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 3*patience)
	defer cancel()
	refused := &refusalLog{refused: cancel}
	s, err := newHarness(ctx, server, user, domain, refused)
	if err != nil {
		return "", err
	}
	defer s.close()
	err = rounds[user](ctx, s)
	return refused.subject(), err
}

func withoutOne(users []*natsd.User, user, lacking string) []*natsd.User {
	var list []*natsd.User
	for _, u := range users {
		copied := *u
		if u.Username == user {
			other := func(p *natsd.SubjectPermission) *natsd.SubjectPermission {
				rest := slices.DeleteFunc(slices.Clone(p.Allow), func(s string) bool { return s == lacking })
				if len(rest) == 0 { // an empty list allows everything
					rest = []string{"nothing"}
				}
				return &natsd.SubjectPermission{Allow: rest, Deny: p.Deny}
			}
			copied.Permissions = &natsd.Permissions{
				Publish: other(u.Permissions.Publish), Subscribe: other(u.Permissions.Subscribe), Response: u.Permissions.Response,
			}
		}
		list = append(list, &copied)
	}
	return list
}
