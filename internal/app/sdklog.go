package app

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

// sdkLogger logs what Temporal's SDK has to say with the keys that lazisync uses:
// workflow_id and not WorkflowID.
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

// sdkLevel returns the level of a message. A heartbeat that is answered with a
// cancellation, and what ends with it, is how a pause, a cancel and a stop work. An
// activity that fails is tried again; whether its run fails is logged by the run.
func sdkLevel(level zerolog.Level, msg string, keyvals []any) zerolog.Level {
	var failure error
	for key, value := range pairs(keyvals) {
		if err, ok := value.(error); ok && key == zerolog.ErrorFieldName {
			failure = err
		}
	}
	switch msg {
	case "RecordActivityHeartbeat with error":
		if _, gone := errors.AsType[*serviceerror.NotFound](failure); gone || isCancellation(failure) {
			return zerolog.DebugLevel
		}
	case "Failed to poll for task.", "Task processing failed with error", "Task processing failed with client side error":
		if isCancellation(failure) {
			return zerolog.DebugLevel
		}
	case "Activity error.":
		if isCancellation(failure) {
			return zerolog.DebugLevel
		}
		return zerolog.WarnLevel
	}
	return level
}

// isCancellation reports whether something ended because somebody asked for that.
func isCancellation(err error) bool {
	_, cancelled := errors.AsType[*serviceerror.Canceled](err)
	return cancelled || temporal.IsCanceledError(err) || errors.Is(err, context.Canceled) ||
		errors.Is(err, activity.ErrActivityPaused) || errors.Is(err, activity.ErrActivityReset)
}

// pairs returns keys and values as the SDK gives them, one after the other.
func pairs(keyvals []any) func(yield func(string, any) bool) {
	return func(yield func(string, any) bool) {
		for i := 0; i+1 < len(keyvals); i += 2 {
			if !yield(logKey(fmt.Sprint(keyvals[i])), keyvals[i+1]) {
				return
			}
		}
	}
}

// logKey writes a key of the SDK as ours are written. The SDK's events are those of a
// workflow's history, ours are CloudEvents.
func logKey(key string) string {
	if strings.HasPrefix(key, "Event") {
		key = "History" + key
	}
	var out strings.Builder
	runes := []rune(key)
	for i, r := range runes {
		begins := i > 0 && unicode.IsUpper(r) && (!unicode.IsUpper(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1]))
		switch {
		case r == ' ' || r == '-':
			out.WriteByte('_')
			continue
		case begins && runes[i-1] != ' ' && runes[i-1] != '_':
			out.WriteByte('_')
		}
		out.WriteRune(unicode.ToLower(r))
	}
	return out.String()
}

// loggable returns a value as JSON shows it best.
func loggable(value any) any {
	switch v := value.(type) {
	case error:
		return v.Error()
	case fmt.Stringer:
		return v.String()
	}
	return value
}
