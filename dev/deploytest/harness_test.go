package deploytest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	natsd "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/stream"
)

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

// harness runs the operations of one role or program as its NATS user, with an unrestricted
// connection beside it.
type harness struct {
	server *natsd.Server
	user   string
	domain string // of JetStream, "" for that of the server
	log    zerolog.Logger
	conn   *stream.Conn
	root   *nats.Conn
	js     jetstream.JetStream
}

func newHarness(ctx context.Context, server *natsd.Server, user, domain string, log *refusalLog) (*harness, error) {
	s := &harness{server: server, user: user, domain: domain, log: zerolog.New(log)}
	var err error
	if s.root, err = nats.Connect(server.ClientURL(), nats.UserInfo("root", "root")); err != nil {
		return nil, err
	}
	if s.js, err = s.jetStream(s.root); err != nil {
		return nil, err
	}
	connect := func(user, password string, log zerolog.Logger) (*stream.Conn, error) {
		return stream.Connect(stream.Options{
			URL: strings.Replace(server.ClientURL(), "//", "//"+user+":"+password+"@", 1), InboxPrefix: "_INBOX_" + user, Name: user, Domain: domain, Logger: log,
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
	if user == "publisher" || user == "consumer" { // programs have a NATS client of their own
		return s, nil
	}
	s.conn, err = connect(user, "demo-"+user, s.log)
	return s, err
}

// jetStream returns the client of JetStream that a program makes.
func (s *harness) jetStream(nc *nats.Conn) (jetstream.JetStream, error) {
	if s.domain == "" {
		return jetstream.New(nc)
	}
	return jetstream.NewWithDomain(nc, s.domain)
}

func (s *harness) close() {
	if s.conn != nil {
		s.conn.Close()
	}
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

// drift changes a stream and consumers, which migrate corrects.
func (s *harness) drift(ctx context.Context) error {
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
	if _, err = s.js.UpdateConsumer(ctx, stream.StreamEvents, changed); err != nil {
		return err
	}
	if _, err := s.js.PauseConsumer(ctx, stream.StreamCommands, stream.ConsumerRequests, time.Now().Add(time.Hour)); err != nil {
		return err
	}
	if err := s.js.DeleteConsumer(ctx, stream.StreamCommands, stream.ConsumerControl); err != nil {
		return err
	}
	_, err = s.js.CreateConsumer(ctx, stream.StreamCommands, jetstream.ConsumerConfig{Durable: stream.ConsumerControl, AckPolicy: jetstream.AckNonePolicy})
	return err
}

// erase deletes a message of each stream that has ids of records. The command among them has no answer.
func (s *harness) erase(ctx context.Context) error {
	for _, subject := range []string{"sync.requested", "sync.completed", "deadletter.sync.requested"} {
		if _, err := s.js.Publish(ctx, subject, []byte("erase me")); err != nil {
			return err
		}
	}
	found, err := s.conn.FindMessages(ctx, func(m events.Message, _ bool) bool { return string(m.Data) == "erase me" })
	if err != nil {
		return err
	}
	for i := range found {
		found[i].Kept = ""
	}
	erased, err := s.conn.EraseMessages(ctx, found)
	if err == nil && len(erased) != 3 {
		err = fmt.Errorf("erased %d of 3 messages", len(erased))
	}
	return err
}

// subjectOf is a subject that a consumer reads.
var subjectOf = map[string]string{
	stream.ConsumerRequests: "sync.requested", stream.ConsumerControl: "sync.control", stream.ConsumerNotifier: "sync.completed",
}

// acknowledge reads one message of a consumer and acknowledges it.
func (s *harness) acknowledge(ctx context.Context, consumer string) error {
	if _, err := s.js.Publish(ctx, subjectOf[consumer], []byte("{}")); err != nil {
		return err
	}
	return s.batch(ctx, consumer, func(ctx context.Context, m *stream.Message) error { return m.Ack(ctx) })
}

// batch has one message handled without an error.
func (s *harness) batch(ctx context.Context, consumer string, handle func(context.Context, *stream.Message) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var last error
	err := s.conn.ConsumeBatches(ctx, consumer, stream.BatchOptions{}, func(_ context.Context, batch []*stream.Message) error {
		if last = handle(ctx, batch[0]); last == nil {
			stop()
		}
		return last
	})
	return errors.Join(err, last)
}

// readAdvisories reads the advisories of a command and of an event that exceeded the maximum
// deliveries.
func (s *harness) readAdvisories(ctx context.Context) error {
	for name, consumer := range map[string]string{stream.StreamCommands: stream.ConsumerRequests, stream.StreamEvents: stream.ConsumerNotifier} {
		ack, err := s.js.Publish(ctx, subjectOf[consumer], []byte("{}"))
		if err != nil {
			return err
		}
		advisory := fmt.Sprintf(`{"stream":%q,"consumer":%q,"stream_seq":%d,"deliveries":1000}`, name, consumer, ack.Sequence)
		if _, err := s.js.Publish(ctx, "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES."+name+"."+consumer, []byte(advisory)); err != nil {
			return err
		}
		err = s.batch(ctx, stream.ConsumerMaxDeliveries, func(ctx context.Context, m *stream.Message) error {
			return s.conn.ForEachExhausted(ctx, []*stream.Message{m}, func(l *stream.Exhausted) error { return l.Ack(ctx) })
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *harness) publish(ctx context.Context, subjects ...string) error {
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

func (s *harness) publishDeadLetters(ctx context.Context, subjects ...string) error {
	for i, subject := range subjects {
		m := events.Message{Subject: subject, Stream: "x", Sequence: uint64(i), Data: []byte("{}")}
		if _, _, err := s.conn.DeadLetter(ctx, m, events.Rejection{Code: events.CodeExpired}, 1); err != nil {
			return err
		}
	}
	return nil
}

// latestDeadLetters reads a dead letter of another client.
func (s *harness) latestDeadLetters(ctx context.Context) error {
	if _, err := s.js.Publish(ctx, stream.DeadLetterSubject("sync.requested"), []byte("{}")); err != nil {
		return err
	}
	list, _, _, err := s.conn.LatestDeadLetters(ctx, 0, 1)
	if err == nil && len(list) == 0 {
		err = errors.New("no dead letter found")
	}
	return err
}

// serve answers requests of another client.
func (s *harness) serve(ctx context.Context) error {
	serving, stop := context.WithCancel(ctx)
	defer stop()
	stopped := make(chan error, 1)
	go func() {
		stopped <- s.conn.Serve(serving, "1.2.3", stream.Endpoint{Name: "status", Handle: func(context.Context, events.Message) (int, string, []byte) {
			return 200, "", []byte("{}")
		}})
	}()
	for _, subject := range []string{stream.ServiceSubject("status"), "$SRV.PING"} {
		if err := request(ctx, s.root, subject); err != nil {
			return err
		}
	}
	stop()
	return <-stopped
}

// dial connects the user with a plain NATS client.
func (s *harness) dial(options ...nats.Option) (*nats.Conn, error) {
	return nats.Connect(s.server.ClientURL(), append(options, nats.UserInfo(s.user, "demo-"+s.user),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			s.log.Error().Err(err).Msg("NATS user lacks a permission")
		}))...)
}

// ask sends a request to the NATS service, as the user of the role.
func (s *harness) ask(ctx context.Context, subjects ...string) error {
	nc, err := s.dial(nats.CustomInboxPrefix("_INBOX_" + s.user))
	if err != nil {
		return err
	}
	defer nc.Close()
	return s.askWith(ctx, nc, subjects...)
}

func (s *harness) askWith(ctx context.Context, nc *nats.Conn, subjects ...string) error {
	for _, subject := range subjects {
		replier, err := s.root.Subscribe(subject, func(m *nats.Msg) { _ = m.Respond([]byte("{}")) })
		if err != nil {
			return err
		}
		if err := errors.Join(s.root.Flush(), request(ctx, nc, subject), replier.Unsubscribe()); err != nil {
			return err
		}
	}
	return nil
}

// request requests an answer until there is a responder.
func request(ctx context.Context, nc *nats.Conn, subject string) error {
	for {
		_, err := nc.RequestWithContext(ctx, subject, nil)
		if !errors.Is(err, nats.ErrNoResponders) {
			return err
		}
	}
}

// follow reads events as they happen, also over the loss of its consumer.
func (s *harness) follow(ctx context.Context) error {
	received := make(chan string, 10)
	err := s.conn.Subscribe(ctx, []string{"sync.completed", "sync.progress"}, stream.StartPosition{}, func(m events.Message) { received <- m.Subject })
	if err != nil {
		return err
	}
	for range 2 {
		for _, subject := range []string{"sync.completed", "sync.progress"} {
			if _, err := s.js.Publish(ctx, subject, []byte("{}")); err != nil {
				return err
			}
			select {
			case <-received:
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

// dropFollower deletes the consumer with which events are followed.
func (s *harness) dropFollower(ctx context.Context) error {
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
func (s *harness) restore(ctx context.Context) error {
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
