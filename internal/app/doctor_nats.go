package app

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/stream"
)

// oldestNATS is the first version that keeps sync_interval: always in every case.
const oldestNATS = "2.14.6"

// streamNearlyFull is the share of its limit from which a stream is worth a look.
const streamNearlyFull = 0.8

const mendMigrate = "lazisync migrate"

// publishes lists, by role, the subjects that it must be allowed to publish on.
var publishes = []struct {
	role     Role
	subjects []string
}{
	{BridgeRole, []string{
		events.Accepted.Subject, events.Rejected.Subject, events.Completed.Subject, events.Failed.Subject, events.Cancelled.Subject,
		stream.DeadLetterSubject(events.Requested.Subject), stream.DeadLetterSubject(events.Control.Subject),
		stream.DeadLetterSubject(events.Completed.Subject), stream.DeadLetterSubject(events.Failed.Subject),
		stream.DeadLetterSubject(events.Cancelled.Subject), stream.DeadLetterSubject(events.Rejected.Subject), // what the notifier never settled
	}},
	{WorkerRole, []string{
		events.Requested.Subject, events.Started.Subject, events.Progress.Subject, events.Paused.Subject, events.Resumed.Subject,
		events.Completed.Subject, events.Failed.Subject, events.Cancelled.Subject,
	}},
	{GatewayRole, []string{events.Requested.Subject, events.Control.Subject}},
	{NotifierRole, []string{
		stream.DeadLetterSubject(events.Completed.Subject), stream.DeadLetterSubject(events.Failed.Subject),
		stream.DeadLetterSubject(events.Cancelled.Subject), stream.DeadLetterSubject(events.Rejected.Subject),
	}},
}

func (d *doctor) examineNATS(ctx context.Context) (f findings) {
	conn, err := connectServer(ctx, d.cfg)
	if err != nil {
		f.fail("start NATS with JetStream, or set NATS_URL and NATS_CREDS", "nats", "%v", err)
		return f
	}
	defer conn.Close()
	server, err := conn.Server(ctx)
	if err != nil {
		f.fail("start NATS, or set NATS_URL", "nats", "%v", err)
		return f
	}
	encryption := "without TLS"
	if server.TLS {
		encryption = "with TLS"
	}
	detail := fmt.Sprintf("%s %s, version %s, answers in %s", server.Address, encryption, server.Version, brief(server.RTT))
	if olderVersion(server.Version, oldestNATS) {
		f.warn("update nats-server to "+oldestNATS+" or later: earlier ones may lose what was acknowledged with the power",
			"nats", "%s", detail)
	} else {
		f.ok("nats", "%s", detail)
	}
	d.examineStreams(ctx, conn, &f)
	d.examinePermissions(ctx, conn, &f)
	f.proved(ctx, natsProbe(conn, d.role))
	return f
}

// examineStreams looks for what is missing or not as declared, what is nearly full, and
// what nobody reads.
func (d *doctor) examineStreams(ctx context.Context, conn *stream.Conn, f *findings) {
	drift, err := conn.Drift(ctx, d.role.consumers...)
	if err != nil {
		d.failStreams(f, err)
		return
	}
	drifted := map[string]bool{}
	for _, difference := range drift {
		drifted[difference.Object] = true
		f.fail(mendMigrate, difference.Object, "%s is %s, want %s", difference.Field, difference.Got, difference.Want)
	}
	states, err := conn.Streams(ctx, d.role.consumers...)
	if err != nil {
		d.failStreams(f, err)
		return
	}
	for _, s := range states {
		object := "stream " + s.Name
		used := float64(s.Bytes) / float64(s.MaxBytes)
		switch {
		case drifted[object]:
		case s.Full != nil:
			f.fail("look into what fills it, and give it room", object, "%v", s.Full)
		case s.MaxBytes > 0 && used >= streamNearlyFull:
			f.warn(fmt.Sprintf("look into what fills it; nats stream edit %s --max-bytes gives it room", s.Name), object,
				"%.0f %% full, with %s messages", 100*used, thousands(int64(s.Messages)))
		default:
			f.ok(object, "as declared, %s messages", thousands(int64(s.Messages)))
		}
		for subject, n := range s.UndeclaredSubjects {
			f.warn(fmt.Sprintf("nats stream view %s --subject %s shows them; publish those that are needed once more, on the subject they were meant for", s.Name, subject),
				object+" "+subject, "%s messages are stored under this subject, which no consumer reads", thousands(int64(n))) //nolint:gosec // a number of messages fits
		}
		for _, c := range s.Consumers {
			if object := "consumer " + s.Name + "/" + c.Name; !drifted[object] {
				examineConsumer(ctx, conn, f, object, c)
			}
		}
	}
}

// failStreams says what to do about streams that cannot be looked at.
func (d *doctor) failStreams(f *findings, err error) {
	mend := stream.Remedy(err)
	if mend == "" {
		mend = "grant the NATS user what deploy/nats.conf grants " + d.role.Name
	}
	f.fail(mend, "streams", "%v", err)
}

func examineConsumer(ctx context.Context, conn *stream.Conn, f *findings, object string, c stream.ConsumerState) {
	if err := conn.CheckFetch(ctx, c.Name, requestBatch); err != nil {
		f.fail("look at it with \"nats consumer info\", and whether the NATS user may fetch from it; lazisync migrate makes it as declared", object, "%v", err)
		return
	}
	detail := fmt.Sprintf("%s messages wait, %d are being worked on", thousands(int64(c.Pending)), c.AckPending)
	if c.WaitingPulls == 0 && c.AckPending == 0 {
		role, _, _ := strings.Cut(c.Name, "-")
		f.warn("start lazisync "+role+", or lazisync serve", object, "%s, and nobody reads them", detail)
		return
	}
	f.ok(object, "%s", detail)
}

// examinePermissions proves what the NATS user may do, without storing anything.
func (d *doctor) examinePermissions(ctx context.Context, conn *stream.Conn, f *findings) {
	var lacking []string
	proved := 0
	prove := func(err error) {
		if errors.Is(err, stream.ErrNoStream) {
			return // it is among the missing streams
		}
		proved++
		if err != nil {
			lacking = append(lacking, err.Error())
		}
	}
	for _, subject := range published(d.role) {
		prove(conn.CheckPublish(ctx, subject))
	}
	for _, consumer := range d.role.consumers {
		prove(conn.CheckAcknowledge(ctx, consumer))
	}
	for _, name := range d.role.reads() {
		prove(conn.CheckRead(ctx, name))
	}
	for _, l := range lacking {
		f.fail("grant the NATS user what deploy/nats.conf grants "+d.role.Name, "nats permissions", "%s", l)
	}
	if len(lacking) == 0 {
		f.ok("nats permissions", "may publish and acknowledge what lazisync %s does (%d proved)", d.role.Name, proved)
	}
}
