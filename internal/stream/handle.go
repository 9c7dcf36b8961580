package stream

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/lazi/lazisync/internal/backoff"
)

// handleBatch runs the handler, which may continue for the grace period after ctx is done.
func (l *batchLoop) handleBatch(ctx context.Context, batch []*Message) error {
	working, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stopGrace := context.AfterFunc(ctx, func() { backoff.Sleep(working, l.options.Grace); cancel() })
	defer stopGrace()
	stopProgress := keepInProgress(batch, l.declared.AckWait)
	err := l.handleSafely(working, batch)
	stopProgress()
	l.nakUnsettled(batch)
	return err
}

// panicError is a panic of a handler.
type panicError struct {
	cause any
	place string // file:line
}

func (p *panicError) Error() string {
	return fmt.Sprintf("panic of the handler: %v (%s)", p.cause, p.place)
}

// placeOfPanic returns the line of code that panicked. A deferred function calls it.
func placeOfPanic() string {
	callers := make([]uintptr, 32)
	frames := runtime.CallersFrames(callers[:runtime.Callers(3, callers)]) // without this function and the deferred one
	for {
		frame, more := frames.Next()
		if !strings.HasPrefix(frame.Function, "runtime.") || !more {
			return fmt.Sprintf("%s:%d", filepath.Base(frame.File), frame.Line)
		}
	}
}

// handleSafely runs the handler. A panic is an error: otherwise a message that the handler cannot
// process would end the process with each of its deliveries. The messages of a batch are then handled
// one by one, so that only that message is delivered again.
func (l *batchLoop) handleSafely(ctx context.Context, batch []*Message) error {
	err := l.recovered(ctx, batch)
	if _, panicked := errors.AsType[*panicError](err); !panicked || len(batch) == 1 {
		return err
	}
	var errs []error
	for _, m := range batch {
		if !m.settled.Load() {
			errs = append(errs, l.recovered(ctx, []*Message{m}))
		}
	}
	return errors.Join(errs...)
}

func (l *batchLoop) recovered(ctx context.Context, batch []*Message) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = &panicError{cause, placeOfPanic()}
		}
	}()
	return l.handle(ctx, batch)
}

// keepInProgress extends the ack wait of each message until it is settled or stop is called.
func keepInProgress(batch []*Message, ackWait time.Duration) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for backoff.Sleep(ctx, ackWait/3) {
			for _, m := range batch {
				if !m.settled.Load() {
					_ = m.InProgress() // if the connection is lost, the message is redelivered
				}
			}
		}
	}()
	return func() { cancel(); <-done }
}

func (l *batchLoop) nakUnsettled(batch []*Message) {
	for _, m := range batch {
		if m.settled.Load() {
			continue
		}
		if err := m.Retry(0); err != nil && l.conn.logLimiter.allow("nak "+l.consumer) {
			l.conn.log.Warn().Err(err).Str("consumer", l.consumer).Msg("nak failed, the message is redelivered after its ack wait")
		}
	}
}
