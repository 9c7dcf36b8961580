package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/lazi/lazisync/internal/config"
	"github.com/lazi/lazisync/workflows"
)

// PrintConfig prints every variable with its value and its origin, likewise the tenants of a
// tenants file, what the schedules cost, and warnings.
func PrintConfig(cfg *config.Config, asJSON bool, out io.Writer) error {
	hasTenantsFile := cfg.ServiceTitan.TenantsFile != ""
	if asJSON {
		all := map[string]any{}
		for _, v := range config.Variables {
			all[v.Name] = cfg.Value(v.Name)
		}
		if hasTenantsFile {
			tenants := map[string]map[string]config.Value{}
			for _, t := range cfg.Tenants {
				tenants[string(t.ID)] = t.Values()
			}
			all["tenants"] = tenants
		}
		all["schedules"] = append([]scheduleCost{}, costsOf(cfg)...)
		if warnings := configWarnings(cfg); len(warnings) > 0 {
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
	if hasTenantsFile {
		printTenants(w, cfg.Tenants)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err := printCosts(cfg, out); err != nil {
		return err
	}
	for _, warning := range configWarnings(cfg) {
		fmt.Fprintf(out, "warning: %s\n", warning)
	}
	return nil
}

// configWarnings returns the warnings about schedules as text, and one if worker and serve would not start.
func configWarnings(cfg *config.Config) (texts []string) {
	if missing := cfg.MissingFieldsKey(); missing != "" {
		texts = append(texts, missing+"; worker and serve do not start")
	}
	for _, w := range cfg.ScheduleWarnings(time.Now()) {
		texts = append(texts, "schedule "+workflows.ScheduleID(w.Mode, w.TenantID, w.Group)+": "+w.Text)
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
