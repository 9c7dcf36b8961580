package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/config"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/stream"
	"github.com/lazi/lazisync/workflows"
)

// Control publishes sync.control and waits for the answer of the bridge. The id is a
// workflow ID, a request ID or, if only one request has it, the id of its event.
func Control(ctx context.Context, b Backends, action, id, reason string, out io.Writer) error {
	data := events.ControlData{Action: events.Action(action), Reason: reason, Actor: os.Getenv("USER")}
	timeout := answerTimeout
	if workflows.IsWorkflowID(id) {
		data.WorkflowID = id
	} else {
		data.RequestID, timeout = id, earlyControlTimeout
	}
	eventID := uuid.NewString()
	e, err := events.Control.New(events.Attributes{ID: eventID, Source: Source, Time: time.Now()}, data)
	if err == nil {
		_, err = events.Control.Data(e)
	}
	if err != nil {
		return UsageError(err)
	}
	if err := checkTarget(ctx, b, action, id); err != nil {
		return err
	}
	conn, err := b.Stream(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return publishControl(ctx, conn, e, events.RequestID(Source, eventID), action, timeout, out)
}

// earlyControlTimeout is how long the answer to a control of an unknown request takes at
// most: the bridge keeps the control for 30 seconds, in case the request arrives.
const earlyControlTimeout = 30*time.Second + answerTimeout

// publishControl publishes a control, which has requestID itself, and prints the answer of
// the bridge.
func publishControl(
	ctx context.Context, conn Stream, e events.Event, requestID, action string, timeout time.Duration, out io.Writer,
) error {
	ctx, stop := context.WithTimeout(ctx, timeout)
	defer stop()
	answer := make(chan error, 1)
	finish := func(err error) {
		select {
		case answer <- err:
		default:
		}
	}
	err := conn.Subscribe(ctx, []string{events.Accepted.Subject, events.Rejected.Subject}, stream.StartPosition{}, func(m events.Message) {
		e, err := events.Decode(m)
		if err != nil {
			return
		}
		if d, err := events.Accepted.Data(e); e.Type() == events.Accepted.Name && err == nil && d.RequestID == requestID {
			fmt.Fprintf(out, "%s sent to %s\n", action, d.WorkflowID)
			finish(nil)
		}
		if d, err := events.Rejected.Data(e); e.Type() == events.Rejected.Name && err == nil && d.RequestID == requestID {
			printRejected(out, d)
			finish(&ExitError{Code: ExitRejected})
		}
	})
	if err != nil {
		return err
	}
	if err := conn.PublishCommand(ctx, e); err != nil {
		return err
	}
	var delayed <-chan time.Time
	if timeout > answerTimeout {
		delayed = time.After(answerTimeout / 2)
	}
	for {
		select {
		case err := <-answer:
			return err
		case <-delayed:
			fmt.Fprintln(out, "no answer yet: the bridge keeps a control of an unknown request for 30 s")
		case <-ctx.Done():
			if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return errors.New("interrupted: the control is stored, and its answer is unknown")
			}
			return fmt.Errorf("the control is stored, but no bridge answered it within %s: check that one is running", timeout)
		}
	}
}

// CheckControlID returns an error if nothing that can be controlled has such an ID.
func CheckControlID(id string) error {
	const want = "want a workflow ID or a request ID (see lazisync status)"
	switch {
	case strings.TrimSpace(id) == "":
		return errors.New("missing, " + want)
	case strings.HasPrefix(id, workflows.SchedulePrefix):
		return fmt.Errorf("got the schedule %q, %s; to pause or resume a schedule, use lazisync schedules", id, want)
	case !config.IsName(id):
		return fmt.Errorf("got %q, %s", id, want)
	}
	if _, isEntity := entity.Find(id); isEntity {
		return fmt.Errorf("got the entity %q, %s", id, want)
	}
	for _, mode := range events.Modes() {
		form, described := requestIDForm, "the 20 hexadecimal digits of a request ID"
		if mode.PerTenant {
			form, described = tenantIDForm, "the number of a tenant"
		}
		rest, hasPrefix := strings.CutPrefix(id, mode.WorkflowIDPrefix)
		if hasPrefix && !form.MatchString(rest) {
			return fmt.Errorf("got %q, want %s followed by %s", id, mode.WorkflowIDPrefix, described)
		}
		if rest, is := strings.CutPrefix(strings.ToLower(id), mode.WorkflowIDPrefix); is && !hasPrefix && form.MatchString(rest) {
			return fmt.Errorf("got %q, want %s (lower case)", id, strings.ToLower(id))
		}
	}
	return nil
}

var (
	requestIDForm = regexp.MustCompile("^[0-9a-f]{20}$")
	tenantIDForm  = regexp.MustCompile("^[1-9][0-9]*$")
)
