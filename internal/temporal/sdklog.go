package temporal

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/rs/zerolog"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
)

// sdkLogger writes the log of Temporal's SDK with the keys that lazisync uses: workflow_id,
// not WorkflowID.
type sdkLogger struct{ log zerolog.Logger }

func (l sdkLogger) Debug(msg string, keyvals ...any) { l.write(zerolog.DebugLevel, msg, keyvals) }
func (l sdkLogger) Info(msg string, keyvals ...any)  { l.write(zerolog.InfoLevel, msg, keyvals) }
func (l sdkLogger) Warn(msg string, keyvals ...any)  { l.write(zerolog.WarnLevel, msg, keyvals) }
func (l sdkLogger) Error(msg string, keyvals ...any) { l.write(zerolog.ErrorLevel, msg, keyvals) }

// With returns a logger that adds keys to every message.
func (l sdkLogger) With(keyvals ...any) sdklog.Logger {
	with := l.log.With()
	for key, value := range pairs(keyvals) {
		with = with.Interface(key, loggable(value))
	}
	return sdkLogger{with.Logger()}
}

func (l sdkLogger) write(level zerolog.Level, msg string, keyvals []any) {
	e := l.log.WithLevel(sdkLevel(level, msg, keyvals))
	for key, value := range pairs(keyvals) {
		e = e.Interface(key, loggable(value))
	}
	e.Msg(msg)
}

// sdkLevel returns the level of a message. Cancelled heartbeats, polls and tasks are debug
// messages: pause, cancel and shutdown work by cancellation. So is a heartbeat that a busy
// server does not answer within a second: it ends its slice early, and the next slice
// continues. Failed polls and failed attempts of activities are debug messages, because they
// are repeated: the process itself logs once when Temporal, or what an activity needs, becomes
// unavailable and available again. An activity that keeps failing is a warning now and then.
func sdkLevel(level zerolog.Level, msg string, keyvals []any) zerolog.Level {
	var sdkErr error
	for key, value := range pairs(keyvals) {
		if err, ok := value.(error); ok && key == zerolog.ErrorFieldName {
			sdkErr = err
		}
	}
	switch msg {
	case "RecordActivityHeartbeat with error":
		_, notFound := errors.AsType[*serviceerror.NotFound](sdkErr)
		_, timedOut := errors.AsType[*serviceerror.DeadlineExceeded](sdkErr)
		_, unavailable := errors.AsType[*serviceerror.Unavailable](sdkErr)
		if notFound || timedOut || unavailable || isCancellation(sdkErr) || errors.Is(sdkErr, context.DeadlineExceeded) {
			return zerolog.DebugLevel
		}
	case "Task processing failed with error", "Task processing failed with client side error":
		if isCancellation(sdkErr) {
			return zerolog.DebugLevel
		}
	case "Failed to poll for task.":
		return zerolog.DebugLevel
	case "Activity error.":
		if isCancellation(sdkErr) || !isPersistent(keyvals) {
			return zerolog.DebugLevel
		}
		return zerolog.WarnLevel
	}
	return level
}

// isPersistent reports whether an attempt of an activity is the fifth or the hundredth, two
// hundredth and so on.
func isPersistent(keyvals []any) bool {
	for key, value := range pairs(keyvals) {
		if attempt, ok := value.(int32); ok && key == "attempt" {
			return attempt == 5 || attempt%100 == 0
		}
	}
	return false
}

// isCancellation reports whether an error comes from a cancellation, a pause or a shutdown.
func isCancellation(err error) bool {
	_, cancelled := errors.AsType[*serviceerror.Canceled](err)
	return cancelled || temporal.IsCanceledError(err) || errors.Is(err, context.Canceled) ||
		errors.Is(err, activity.ErrActivityPaused) || errors.Is(err, activity.ErrActivityReset)
}

// pairs iterates over alternating keys and values.
func pairs(keyvals []any) func(yield func(string, any) bool) {
	return func(yield func(string, any) bool) {
		for i := 0; i+1 < len(keyvals); i += 2 {
			if !yield(logKey(fmt.Sprint(keyvals[i])), keyvals[i+1]) {
				return
			}
		}
	}
}

// logKey converts a key of the SDK to snake_case. An "Event" of the SDK becomes a
// "history_event", since an event of lazisync is a CloudEvent.
func logKey(key string) string {
	if strings.HasPrefix(key, "Event") {
		key = "History" + key
	}
	var out strings.Builder
	runes := []rune(key)
	for i, r := range runes {
		startsWord := i > 0 && unicode.IsUpper(r) && (!unicode.IsUpper(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1]))
		switch {
		case r == ' ' || r == '-':
			out.WriteByte('_')
			continue
		case startsWord && runes[i-1] != ' ' && runes[i-1] != '_':
			out.WriteByte('_')
		}
		out.WriteRune(unicode.ToLower(r))
	}
	return out.String()
}

// loggable returns errors and stringers as text, other values unchanged.
func loggable(value any) any {
	switch v := value.(type) {
	case error:
		return v.Error()
	case fmt.Stringer:
		return v.String()
	}
	return value
}
