package stream

import (
	"fmt"
	"slices"
	"sync"
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
	StreamIncidents  = "SYNC_INCIDENTS"
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

	// CommandAge is how long commands are kept. It must be shorter than the retention of the
	// Temporal namespace: while a command can be redelivered, its workflow ID must be known.
	CommandAge = 7 * day

	// ackWait is how long a message may stay unsettled before it is redelivered.
	ackWait = time.Minute
	// controlAckWait is that of controls. Each waits until the one before it is settled, also if the bridge
	// that had it has crashed.
	controlAckWait = 15 * time.Second
	// maxWaiting is how many fetch requests may wait at a consumer: the server's default, and
	// more than a role has processes.
	maxWaiting = 512
	// maxMessageBytes is the maximum size of a message with its headers.
	maxMessageBytes = mib
	// maxDeliver is the maximum number of deliveries of a message. After it JetStream no longer
	// delivers the message and publishes one advisory, on a subject that begins with
	// maxDeliveriesPrefix.
	maxDeliver          = 1000
	maxDeliveriesPrefix = "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES."
	// deadLetterPrefix is the prefix of the subjects of dead letters.
	deadLetterPrefix = "deadletter."
	// incidentPrefix is the prefix of the subjects of incidents.
	incidentPrefix = "incidents."
)

// declaredStream is the declaration of a stream and its consumers.
type declaredStream struct {
	config    jetstream.StreamConfig
	consumers []declaredConsumer
}

// inMemory reports whether a restart of the server loses the stream.
func (d declaredStream) inMemory() bool { return d.config.Storage == jetstream.MemoryStorage }

// consumersNamed returns the stream's consumers with the given names.
func (d declaredStream) consumersNamed(names []string) []declaredConsumer {
	return slices.DeleteFunc(slices.Clone(d.consumers), func(c declaredConsumer) bool { return !slices.Contains(names, c.config.Name) })
}

type declaredConsumer struct {
	config jetstream.ConsumerConfig
	// since is the maximum age of the messages at which a new consumer starts; 0 for all
	// messages.
	since time.Duration
}

// topology returns the declarations of all streams and consumers. They are shared: a caller that
// changes them clones them first.
var topology = sync.OnceValue(func() []declaredStream {
	declared := []declaredStream{commandStream(), eventStream(), progressStream(), deadLetterStream()}
	return append(declared, advisoryStream(declared), incidentStream())
})

// declarations returns the declarations of all streams and consumers with the number of replicas
// of this connection.
func (c *Conn) declarations() []declaredStream {
	all := slices.Clone(topology())
	for i := range all {
		all[i].config.Replicas = c.replicas
		all[i].consumers = slices.Clone(all[i].consumers)
		for j := range all[i].consumers {
			all[i].consumers[j].config.Replicas = c.replicas
		}
	}
	return all
}

// commandStream stores commands. It also serves as their log, so that acknowledged messages
// stay. When it is full, it rejects new commands instead of dropping unanswered ones.
func commandStream() declaredStream {
	c := fileStream(StreamCommands, "Commands: requests and controls",
		events.Requested.Subject, events.Control.Subject)
	c.Discard = jetstream.DiscardNew
	c.MaxAge = CommandAge
	c.MaxBytes = 512 * mib
	c.MaxMsgSize = 512 << 10                                        // above the limit of a command, so that one that is too large is answered and not just rejected by NATS
	c.DenyDelete = false                                            // EraseMessages deletes single messages, here and below
	controls := durable(ConsumerControl, 1, events.Control.Subject) // one at a time keeps the order across retries
	controls.AckWait = controlAckWait
	return declaredStream{config: c, consumers: []declaredConsumer{
		{config: durable(ConsumerRequests, 10_000, events.Requested.Subject)},
		{config: controls},
	}}
}

// eventStream stores answers, the start, pauses and outcomes of runs. When it is full, it drops the
// oldest events, so that there is always room for an outcome.
func eventStream() declaredStream {
	c := fileStream(StreamEvents, "Answers, starts and outcomes of runs",
		events.Accepted.Subject, events.Rejected.Subject, events.Started.Subject,
		events.Paused.Subject, events.Resumed.Subject, events.Stale.Subject, events.Fresh.Subject,
		events.Completed.Subject, events.Failed.Subject, events.Cancelled.Subject)
	c.Discard = jetstream.DiscardOld
	c.MaxAge = 30 * day
	c.MaxBytes = 512 * mib
	c.DenyDelete = false
	c.AllowAtomicPublish = true // answers are published in batches
	return declaredStream{config: c, consumers: []declaredConsumer{{
		config: durable(ConsumerNotifier, 1000, // includes events that wait to be grouped
			events.Completed.Subject, events.Failed.Subject, events.Cancelled.Subject, events.Rejected.Subject,
			events.Stale.Subject, events.Fresh.Subject),
		since: time.Hour, // a consumer that is lost and declared again must not notify of a month of outcomes
	}}}
}

func progressStream() declaredStream {
	c := fileStream(StreamProgress, "Progress of open runs; may be lost", events.Progress.Subject)
	c.Storage = jetstream.MemoryStorage
	c.Discard = jetstream.DiscardOld
	c.MaxAge = 10 * time.Minute
	c.MaxBytes = 32 * mib
	c.Duplicates = 2 * time.Minute
	c.DenyDelete, c.DenyPurge = false, false
	return declaredStream{config: c}
}

// deadLetterStream stores rejected commands. When it is full, commands that would be rejected
// are retried: nothing is dropped silently.
func deadLetterStream() declaredStream {
	c := fileStream(StreamDeadLetter, "Rejected commands with the reason", deadLetterPrefix+"sync.>")
	c.Discard = jetstream.DiscardNew
	c.MaxAge = 30 * day
	c.MaxBytes = 256 * mib
	c.DenyDelete = false
	return declaredStream{config: c}
}

// advisoryStream stores the advisories about messages that exceeded their max deliveries, which
// JetStream publishes once. They are kept as long as commands.
func advisoryStream(watched []declaredStream) declaredStream {
	var subjects []string
	for _, s := range watched {
		for _, c := range s.consumers {
			subjects = append(subjects, maxDeliveriesPrefix+s.config.Name+"."+c.config.Name)
		}
	}
	c := fileStream(StreamAdvisories, "Advisories about messages that exceeded their max deliveries", subjects...)
	c.Discard = jetstream.DiscardOld
	c.MaxAge = 7 * day
	c.MaxBytes = 16 * mib
	return declaredStream{config: c, consumers: []declaredConsumer{{config: durable(ConsumerMaxDeliveries, 100, subjects...)}}}
}

// incidentStream stores what notifiers know of incidents: the last value of each key. When it is
// full, it forgets the incident that did not change for the longest time.
func incidentStream() declaredStream {
	c := fileStream(StreamIncidents, "Open incidents of the notifiers", incidentPrefix+">")
	c.Discard = jetstream.DiscardOld
	c.MaxAge = 30 * day
	c.MaxBytes = 16 * mib
	c.MaxMsgsPerSubject = 1
	return declaredStream{config: c}
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
		// Explicit, because the server reports it.
		MaxMsgsPerSubject: -1,

		Duplicates: day,
		DenyDelete: true,
		DenyPurge:  true,
	}
}

// durable returns a pull consumer with explicit acknowledgement. It has no BackOff, which the
// server would add to the delay of a nak.
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

// Consumers returns the names of all durable consumers.
func Consumers() (names []string) {
	for _, s := range topology() {
		for _, c := range s.consumers {
			names = append(names, c.config.Name)
		}
	}
	return names
}

// StreamFor returns the name of the stream that has a subject.
func StreamFor(subject string) (name string, ok bool) {
	s, ok := findStream(subject)
	return s.config.Name, ok
}

// findStream returns the stream that has a subject.
func findStream(subject string) (declaredStream, bool) {
	for _, s := range topology() {
		if containsSubject(s.config.Subjects, subject) {
			return s, true
		}
	}
	return declaredStream{}, false
}

// findConsumer returns a declared consumer and its stream.
func findConsumer(name string) (stream string, config jetstream.ConsumerConfig, err error) {
	for _, s := range topology() {
		for _, c := range s.consumers {
			if c.config.Name == name {
				return s.config.Name, c.config, nil
			}
		}
	}
	return "", config, fmt.Errorf("consumer %q is not declared", name)
}
