package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/semver"

	"github.com/lazi/lazisync/internal/stream"
)

// minNATSVersion is the first version that honours sync_interval: always in every case.
const minNATSVersion = "2.14.6"

// nearlyFull is the share of its limit from which a stream is reported.
const nearlyFull = 0.8

const fixMigrate = "lazisync migrate"

func (d *Doctor) checkNATS(ctx context.Context) (f findings) {
	conn, err := d.OpenStream(ctx)
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
	detail := fmt.Sprintf("%s %s, version %s, responds in %s", server.Address, encryption, server.Version, milliseconds(server.RTT))
	if semver.Compare("v"+server.Version, "v"+minNATSVersion) < 0 {
		f.warn("upgrade nats-server to "+minNATSVersion+" or later: earlier versions may lose acknowledged messages in a power failure",
			"nats", "%s", detail)
	} else {
		f.ok("nats", "%s", detail)
	}
	d.checkStreams(ctx, conn, &f)
	d.checkPermissions(ctx, conn, &f)
	f.probe(ctx, NATSProbe(conn, d.Role))
	return f
}

// checkStreams reports streams and consumers that are missing, differ from their
// declaration, are nearly full, or have no reader.
func (d *Doctor) checkStreams(ctx context.Context, conn *stream.Conn, f *findings) {
	drift, err := conn.Drift(ctx, d.Role.Consumers...)
	if err != nil {
		d.failStreams(conn, f, err)
		return
	}
	drifted := map[string]bool{}
	for _, difference := range drift {
		drifted[difference.Object] = true
		f.fail(fixMigrate, difference.Object, "%s is %s, want %s", difference.Field, difference.Got, difference.Want)
	}
	states, err := conn.Streams(ctx, d.Role.Consumers...)
	if err != nil {
		d.failStreams(conn, f, err)
		return
	}
	for _, s := range states {
		object := "stream " + s.Name
		used := float64(s.Bytes) / float64(s.MaxBytes)
		switch {
		case drifted[object]:
		case s.Replicas.Leader == "":
			f.fail(stream.FixLeader, object, "no leader: nothing can be stored or read")
		case s.Full != nil:
			f.fail("find out what fills it, or raise its limit", object, "%v", s.Full)
		case s.MaxBytes > 0 && used >= nearlyFull:
			f.warn(fmt.Sprintf("find out what fills it, or raise its limit with nats stream edit %s --max-bytes", s.Name), object,
				"%.0f %% full, %d messages", 100*used, s.Messages)
		case len(s.Replicas.Offline)+len(s.Replicas.Behind) > 0:
			f.warn(fixReplicas(s.Replicas), object, "as declared, %d messages, %s", s.Messages, s.Replicas)
		default:
			f.ok(object, "%s", withReplicas(fmt.Sprintf("as declared, %d messages", s.Messages), s.Replicas))
		}
		if s.Name == stream.StreamDeadLetter {
			d.checkDeadLetters(ctx, f, s)
		}
		for subject, n := range s.UndeclaredSubjects {
			f.warn(fmt.Sprintf("list them with nats stream view %s --subject %s, and publish those that are needed on the right subject", s.Name, subject),
				object+" "+subject, "%d messages on this subject, which no consumer reads", n)
		}
		for _, c := range s.Consumers {
			if object := "consumer " + s.Name + "/" + c.Name; !drifted[object] {
				d.checkConsumer(ctx, conn, f, object, c)
			}
		}
	}
}

// fixReplicas says what to do if replicas are offline or behind.
func fixReplicas(s stream.ReplicaState) string {
	if len(s.Offline) == 0 {
		return "wait until they have caught up before you stop another server; if they never do, see the log of that NATS server"
	}
	return "start nats-server there; if the server is permanently gone, remove it with nats server cluster peer-remove, so that another one takes its replicas"
}

func withReplicas(detail string, s stream.ReplicaState) string {
	if replicas := s.String(); replicas != "" {
		detail += ", " + replicas
	}
	return detail
}

// failStreams adds a failure if the streams cannot be inspected.
func (d *Doctor) failStreams(conn *stream.Conn, f *findings, err error) {
	fix := cmp.Or(conn.Remedy(err), "grant the NATS user what deploy/nats.conf grants "+d.Role.Name)
	f.fail(fix, "streams", "%v", err)
}

func (d *Doctor) checkConsumer(ctx context.Context, conn *stream.Conn, f *findings, object string, c stream.ConsumerState) {
	if c.Replicas.Leader == "" {
		f.fail(stream.FixLeader, object, "no leader: nothing can be delivered")
		return
	}
	if err := conn.CheckFetch(ctx, c.Name, d.Role.MaxBatch); err != nil {
		f.fail("run lazisync migrate, which restores its declaration; check the permissions of the NATS user; see nats consumer info", object, "%v", err)
		return
	}
	detail := fmt.Sprintf("%d messages pending, %d in progress", c.Pending, c.AckPending)
	if c.WaitingPulls == 0 && c.AckPending == 0 {
		role, _, _ := strings.Cut(c.Name, "-")
		f.warn("start lazisync "+role+", or lazisync serve", object, "%s, no reader", detail)
		return
	}
	if len(c.Replicas.Offline)+len(c.Replicas.Behind) > 0 {
		f.warn(fixReplicas(c.Replicas), object, "%s, %s", detail, c.Replicas)
		return
	}
	f.ok(object, "%s", withReplicas(detail, c.Replicas))
}

// checkPermissions tests the permissions of the NATS user without storing anything.
func (d *Doctor) checkPermissions(ctx context.Context, conn *stream.Conn, f *findings) {
	var missing []string
	tested := 0
	test := func(err error) {
		if errors.Is(err, stream.ErrNoStream) {
			return // reported as a missing stream
		}
		tested++
		if err != nil {
			missing = append(missing, err.Error())
		}
	}
	for _, subject := range d.Role.Publishes {
		test(conn.CheckPublish(ctx, subject))
	}
	for _, consumer := range d.Role.Consumers {
		test(conn.CheckAcknowledge(ctx, consumer))
	}
	for _, name := range d.Role.ReadsFrom {
		test(conn.CheckRead(ctx, name))
	}
	for _, m := range missing {
		f.fail("grant the NATS user what deploy/nats.conf grants "+d.Role.Name, "nats permissions", "%s", m)
	}
	if len(missing) == 0 {
		f.ok("nats permissions", "the NATS user has the permissions of lazisync %s (%d tested)", d.Role.Name, tested)
	}
}
