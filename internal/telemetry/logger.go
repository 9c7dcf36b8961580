package telemetry

import (
	"io"
	"os"
	"time"

	"github.com/rs/zerolog"

	"github.com/lazi/lazisync/internal/config"
)

// NewLogger returns a logger that writes to out with the configured level and format.
func NewLogger(c config.LogConfig, out io.Writer) zerolog.Logger {
	if c.Format == "console" {
		out = zerolog.ConsoleWriter{Out: out, TimeFormat: time.TimeOnly, NoColor: out != io.Writer(os.Stderr)}
	}
	return zerolog.New(out).Level(c.Level).With().Timestamp().Logger()
}
