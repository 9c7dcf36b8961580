package stream

import (
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/lazi/lazisync/events"
)

// The streams.
const (
	StreamCommands   = "SYNC_COMMANDS"
	StreamEvents     = "SYNC_EVENTS"
	StreamProgress   = "SYNC_PROGRESS"
	StreamDeadLetter = "SYNC_DEADLETTER"
	StreamAdvisories = "SYNC_ADVISORIES"
)

// The durable consumers.
const (
	ConsumerRequests      = "bridge-requests"
	ConsumerControl       = "bridge-control"
	ConsumerNotifier      = "notifier"
	ConsumerMaxDeliveries = "bridge-lost"
)

const (
	day = 24 * time.Hour
	mib = 1 << 20

	// CommandAge is how long commands are kept. It must stay below the retention of
	// the Temporal namespace: while a command can come again, its workflow ID must be known.
	CommandAge = 7 * day

	// ackWait is how long a handler may keep a message without a sign of life.
	ackWait = time.Minute
	// maxWaiting is how many requests for messages a consumer keeps: the server's default,
	// and more than there are processes of a role.
	maxWaiting = 512
	// maxMessageBytes is room for any message of a stream, its headers included.
	maxMessageBytes = mib
	// maxDeliver bounds the deliveries of one message. Past it JetStream hides the
	// message and says so, once, on a subject that begins with gaveUpPrefix.
	maxDeliver   = 1000
	gaveUpPrefix = "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES."
	// deadLetterPrefix goes before the subject of what is parked.
	deadLetterPrefix = "deadletter."
)

// declaredStream is a stream as it should be, with its consumers.
type declaredStream struct {
	config    jetstream.StreamConfig
	consumers []declaredConsumer
}

// volatile streams live in memory: a restart of the server loses them.
func (d declaredStream) volatile() bool { return d.config.Storage == jetstream.MemoryStorage }

// named are the stream's consumers of those names.
func (d declaredStream) named(names []string) []declaredConsumer {
	return slices.DeleteFunc(slices.Clone(d.consumers), func(c declaredConsumer) bool { return !slices.Contains(names, c.config.Name) })
}

type declaredConsumer struct {
	config jetstream.ConsumerConfig
	// since limits how far back a consumer looks when it is created on a stream
	// that already holds messages; zero means to the beginning.
	since time.Duration
}

// topology is the one declaration of streams and consumers.
func topology() []declaredStream {
	declared := []declaredStream{commandStream(), eventStream(), progressStream(), deadLetterStream()}
	return append(declared, advisoryStream(declared))
}

// commandStream keeps what others ask for. It is also the log of it, so acked
// messages stay. A full stream refuses the publisher instead of dropping what
// nobody has answered yet.
func commandStream() declaredStream {
	c := fileStream(StreamCommands, "Commands to lazisync: requests and control",
		events.Requested.Subject, events.Control.Subject)
	c.Discard = jetstream.DiscardNew
	c.MaxAge = CommandAge
	c.MaxBytes = 512 * mib
	c.MaxMsgSize = 512 << 10 // above the limit of a command, so that one too large is answered and not just refused
	return declaredStream{config: c, consumers: []declaredConsumer{
		{config: durable(ConsumerRequests, 10_000, events.Requested.Subject)},
		{config: durable(ConsumerControl, 1, events.Control.Subject)}, // one at a time keeps the order, also over a retry
	}}
}

// eventStream keeps what happened. An outcome must always find room, so the
// oldest events go first when it is full.
func eventStream() declaredStream {
	c := fileStream(StreamEvents, "What lazisync did: answers and outcomes",
		events.Accepted.Subject, events.Rejected.Subject, events.Started.Subject,
		events.Paused.Subject, events.Resumed.Subject,
		events.Completed.Subject, events.Failed.Subject, events.Cancelled.Subject)
	c.Discard = jetstream.DiscardOld
	c.MaxAge = 30 * day
	c.MaxBytes = 512 * mib
	return declaredStream{config: c, consumers: []declaredConsumer{{
		config: durable(ConsumerNotifier, 1000, // also what waits to be told with its count
			events.Completed.Subject, events.Failed.Subject, events.Cancelled.Subject, events.Rejected.Subject),
		since: time.Hour, // a consumer lost and declared again must not tell a month of outcomes once more
	}}}
}

func progressStream() declaredStream {
	c := fileStream(StreamProgress, "How far runs are; may be lost", events.Progress.Subject)
	c.Storage = jetstream.MemoryStorage
	c.Discard = jetstream.DiscardOld
	c.MaxAge = 10 * time.Minute
	c.MaxBytes = 32 * mib
	c.Duplicates = 2 * time.Minute
	c.DenyDelete, c.DenyPurge = false, false
	return declaredStream{config: c}
}

// deadLetterStream keeps what was rejected, for a person to look at. When it is
// full, rejecting waits: nothing is dropped silently.
func deadLetterStream() declaredStream {
	c := fileStream(StreamDeadLetter, "Rejected commands with the reason", deadLetterPrefix+"sync.>")
	c.Discard = jetstream.DiscardNew
	c.MaxAge = 30 * day
	c.MaxBytes = 256 * mib
	return declaredStream{config: c}
}

// advisoryStream keeps what JetStream says of messages that nobody settled: it says so
// once, to whoever listens, and without the message. Kept as long as commands are.
func advisoryStream(watched []declaredStream) declaredStream {
	var subjects []string
	for _, s := range watched {
		for _, c := range s.consumers {
			subjects = append(subjects, gaveUpPrefix+s.config.Name+"."+c.config.Name)
		}
	}
	c := fileStream(StreamAdvisories, "Messages that JetStream gave up on", subjects...)
	c.Discard = jetstream.DiscardOld
	c.MaxAge = 7 * day
	c.MaxBytes = 16 * mib
	return declaredStream{config: c, consumers: []declaredConsumer{{config: durable(ConsumerMaxDeliveries, 100, subjects...)}}}
}

func fileStream(name, description string, subjects ...string) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:         name,
		Description:  description,
		Subjects:     subjects,
		Retention:    jetstream.LimitsPolicy,
		Storage:      jetstream.FileStorage,
		MaxMsgs:      -1,
		MaxConsumers: -1,
		MaxMsgSize:   -1,
		// Written out, since the server shows it.
		MaxMsgsPerSubject: -1,

		Duplicates: day,
		DenyDelete: true,
		DenyPurge:  true,
	}
}

// durable is a pull consumer that acknowledges one by one. It has no BackOff:
// the server would add it to the delay a message is given back with.
func durable(name string, maxAckPending int, subjects ...string) jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{
		Name:           name,
		Durable:        name,
		FilterSubjects: subjects,
		DeliverPolicy:  jetstream.DeliverAllPolicy,
		AckPolicy:      jetstream.AckExplicitPolicy,
		AckWait:        ackWait,
		MaxDeliver:     maxDeliver,
		MaxAckPending:  maxAckPending,
		MaxWaiting:     maxWaiting,
	}
}

// Consumers are the names of all durable consumers.
func Consumers() (names []string) {
	for _, s := range topology() {
		for _, c := range s.consumers {
			names = append(names, c.config.Name)
		}
	}
	return names
}

// StreamFor names the stream that stores the events of a subject.
func StreamFor(subject string) (name string, ok bool) {
	s, ok := streamOf(subject)
	return s.config.Name, ok
}

// streamOf finds the stream that carries a subject.
func streamOf(subject string) (declaredStream, bool) {
	for _, s := range topology() {
		if containsSubject(s.config.Subjects, subject) {
			return s, true
		}
	}
	return declaredStream{}, false
}

// streamOfConsumer finds the stream that has a consumer.
func streamOfConsumer(name string) (string, bool) {
	stream, _, ok := findConsumer(name)
	return stream, ok
}

// findConsumer finds a declared consumer and the stream that has it.
func findConsumer(name string) (stream string, config jetstream.ConsumerConfig, ok bool) {
	for _, s := range topology() {
		for _, c := range s.consumers {
			if c.config.Name == name {
				return s.config.Name, c.config, true
			}
		}
	}
	return "", config, false
}
