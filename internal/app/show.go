package app

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/rs/zerolog"

	"github.com/lazi/lazisync/internal/config"
	"github.com/lazi/lazisync/workflows"
)

// PrintConfig prints every variable, its value and where that came from; likewise the
// tenants of a tenants file.
func PrintConfig(cfg *Config, asJSON bool, out io.Writer) error {
	several := cfg.ServiceTitan.TenantsFile != ""
	if asJSON {
		all := map[string]any{}
		for _, v := range config.Variables {
			all[v.Name] = cfg.Value(v.Name)
		}
		if several {
			tenants := map[string]map[string]config.Value{}
			for _, t := range cfg.Tenants {
				tenants[t.ID] = t.Values()
			}
			all["tenants"] = tenants
		}
		if warnings := scheduleWarnings(cfg); len(warnings) > 0 {
			all["warnings"] = warnings
		}
		return json.NewEncoder(out).Encode(all)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "VARIABLE\tVALUE\tFROM")
	for _, v := range config.Variables {
		value := cfg.Value(v.Name)
		fmt.Fprintf(w, "%s\t%s\t%s\n", v.Name, value.Text, value.From)
	}
	if several {
		printTenants(w, cfg.Tenants)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, warning := range scheduleWarnings(cfg) {
		fmt.Fprintf(out, "warning: %s\n", warning)
	}
	return nil
}

// scheduleWarnings writes the warnings about schedules as people read them.
func scheduleWarnings(cfg *Config) (texts []string) {
	for _, w := range cfg.ScheduleWarnings(time.Now()) {
		texts = append(texts, "schedule "+workflows.ScheduleID(w.Mode, w.TenantID)+": "+w.Text)
	}
	return texts
}

func printTenants(w io.Writer, tenants []config.Tenant) {
	for _, t := range tenants {
		fmt.Fprintf(w, "\t\t\nTENANT %s\tVALUE\tFROM\n", t.ID)
		for _, v := range config.Variables {
			if value := t.Values()[v.Field]; v.Field != "" && v.Field != "id" {
				fmt.Fprintf(w, "%s\t%s\t%s\n", v.Field, value.Text, value.From)
			}
		}
	}
}

// NewLogger logs to out in the configured form.
func NewLogger(cfg *Config, out io.Writer) zerolog.Logger {
	if cfg.Log.Format == "console" {
		out = zerolog.ConsoleWriter{Out: out, TimeFormat: time.TimeOnly, NoColor: out != io.Writer(os.Stderr)}
	}
	return zerolog.New(out).Level(cfg.Log.Level).With().Timestamp().Logger()
}
