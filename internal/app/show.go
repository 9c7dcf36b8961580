package app

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/rs/zerolog"
)

// PrintConfig prints every variable, its value and where that came from.
func PrintConfig(cfg *Config, asJSON bool, out io.Writer) error {
	if asJSON {
		all := map[string]Value{}
		for _, v := range Variables {
			all[v.Name] = cfg.Value(v.Name)
		}
		return json.NewEncoder(out).Encode(all)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "VARIABLE\tVALUE\tFROM")
	for _, v := range Variables {
		value := cfg.Value(v.Name)
		fmt.Fprintf(w, "%s\t%s\t%s\n", v.Name, value.Text, value.From)
	}
	return w.Flush()
}

// NewLogger logs to out in the configured form.
func NewLogger(cfg *Config, out io.Writer) zerolog.Logger {
	if cfg.Log.Format == "console" {
		out = zerolog.ConsoleWriter{Out: out, TimeFormat: time.TimeOnly, NoColor: out != io.Writer(os.Stderr)}
	}
	return zerolog.New(out).Level(cfg.Log.Level).With().Timestamp().Logger()
}
