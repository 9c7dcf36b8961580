package temporalserver

import (
	"fmt"
	"log/slog"
	"os"

	"github.com/rs/zerolog"
	"go.temporal.io/server/common/log/tag"
)

// serverLog implements the Temporal server's Logger with zerolog.
type serverLog struct {
	log zerolog.Logger
}

func (l serverLog) Debug(msg string, tags ...tag.Tag)  { send(l.log.Debug(), msg, tags) }
func (l serverLog) Info(msg string, tags ...tag.Tag)   { send(l.log.Info(), msg, tags) }
func (l serverLog) Warn(msg string, tags ...tag.Tag)   { send(l.log.Warn(), msg, tags) }
func (l serverLog) Error(msg string, tags ...tag.Tag)  { send(l.log.Error(), msg, tags) }
func (l serverLog) DPanic(msg string, tags ...tag.Tag) { send(l.log.Error(), msg, tags) }

func (l serverLog) Panic(msg string, tags ...tag.Tag) {
	send(l.log.Error(), msg, tags)
	panic("temporal server: " + msg)
}

// Fatal exits the process, as the server expects. It also prints the message to standard error,
// because the log may be a file.
func (l serverLog) Fatal(msg string, tags ...tag.Tag) {
	send(l.log.Error(), msg, tags)
	fmt.Fprintln(os.Stderr, "temporal server:", msg)
	os.Exit(1)
}

func send(e *zerolog.Event, msg string, tags []tag.Tag) {
	for _, t := range tags {
		switch v := t.Value().(type) {
		case error:
			e = e.AnErr(t.Key(), v)
		case fmt.Stringer:
			e = e.Stringer(t.Key(), v)
		default:
			e = e.Interface(t.Key(), v)
		}
	}
	e.Msg(msg)
}

// discard is the logger of the client that waits for the server. Its errors are expected.
var discard = slog.New(slog.DiscardHandler)
