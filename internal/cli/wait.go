package cli

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/config"
	"github.com/lazi/lazisync/internal/stream"
)

// RequestSubjects are the subjects of all events about requests.
var RequestSubjects = []string{
	events.Accepted.Subject, events.Rejected.Subject, events.Started.Subject, events.Progress.Subject,
	events.Paused.Subject, events.Resumed.Subject,
	events.Completed.Subject, events.Failed.Subject, events.Cancelled.Subject,
}

// pauseHistory is how far back pauses are read. No pause lasts longer.
const pauseHistory = config.MaxRun

// waitForOutcome calls publish, shows the progress of the request, and returns the exit
// code of its outcome.
func waitForOutcome(ctx context.Context, conn Stream, requestID string, v view, publish func() error) (int, error) {
	defer v.close()
	f := &follower{requestID: requestID, view: v, startedAt: time.Now()}
	messages, stop, err := subscribe(ctx, conn)
	if err != nil {
		return 0, err
	}
	defer stop()
	if err := publish(); err != nil {
		return 0, err
	}
	return f.follow(ctx, messages, time.After(answerTimeout))
}

// subscribe returns a channel of all events about requests from now on, and of earlier
// pauses.
func subscribe(ctx context.Context, conn Stream) (messages <-chan events.Message, stop func(), err error) {
	ctx, stop = context.WithCancel(ctx)
	received, deliver := messageQueue(ctx)
	pauses := []string{events.Paused.Subject, events.Resumed.Subject}
	others := slices.DeleteFunc(slices.Clone(RequestSubjects), func(subject string) bool { return slices.Contains(pauses, subject) })
	err = conn.Subscribe(ctx, pauses, stream.StartPosition{Time: time.Now().Add(-pauseHistory)}, deliver)
	if err == nil {
		err = conn.Subscribe(ctx, others, stream.StartPosition{}, deliver)
	}
	if err != nil {
		stop()
		return nil, nil, err
	}
	return received, stop, nil
}

// messageQueue returns a channel of messages and the function that fills it until ctx ends.
func messageQueue(ctx context.Context) (received chan events.Message, deliver func(events.Message)) {
	received = make(chan events.Message, 64)
	return received, func(m events.Message) {
		select {
		case received <- m:
		case <-ctx.Done():
		}
	}
}

// follow shows messages until the outcome of the request, and returns its exit code.
func (f *follower) follow(ctx context.Context, messages <-chan events.Message, delayed <-chan time.Time) (int, error) {
	for {
		select {
		case m := <-messages:
			if f.handle(m) != nil {
				return f.exitCode, nil
			}
		case <-delayed:
			if f.showDelay() != nil {
				return f.exitCode, nil
			}
		case <-ctx.Done():
			return 0, &ExitError{
				Code:    ExitInterrupted,
				Message: fmt.Sprintf("interrupted; request %s continues in the background, see lazisync status", f.requestID),
			}
		}
	}
}
