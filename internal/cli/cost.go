package cli

import (
	"cmp"
	"fmt"
	"io"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/config"
	"github.com/lazi/lazisync/internal/display"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/workflows"
)

// scheduleCost is what a schedule costs at least. Its JSON is public.
type scheduleCost struct {
	ScheduleID  string          `json:"scheduleId"`
	TenantID    events.TenantID `json:"tenantId,omitempty"`
	Mode        events.Mode     `json:"mode"`
	Cron        string          `json:"cron"`
	Entities    []string        `json:"entities"`
	RunsPerDay  float64         `json:"runsPerDay"`  // on average
	CallsPerDay float64         `json:"callsPerDay"` // at least: for entities of one page
}

// costsOf returns the costs of the schedules of all tenants, or of those that a tenant would have
// where none is configured.
func costsOf(cfg *config.Config) (costs []scheduleCost) {
	for _, t := range costTenants(cfg) {
		for _, s := range t.Schedules() {
			if s.Cron == config.Off {
				continue
			}
			runs := s.RunsPerDay()
			cost := scheduleCost{
				ScheduleID: workflows.ScheduleID(s.Mode, cmp.Or(t.ID, "TENANT"), s.Group), TenantID: t.ID, Mode: s.Mode, Cron: s.Cron, Entities: s.Entities, RunsPerDay: runs,
			}
			for _, name := range s.Entities {
				if e, known := entity.Find(name); known {
					calls, _, _ := callsOf(e, s.Mode, -1, events.Counts{})
					cost.CallsPerDay += runs * float64(calls)
				}
			}
			costs = append(costs, cost)
		}
	}
	return costs
}

func costTenants(cfg *config.Config) []config.Tenant {
	if len(cfg.Tenants) == 0 {
		return []config.Tenant{cfg.Defaults}
	}
	return cfg.Tenants
}

// printCosts prints what the schedules cost, and for each tenant what webhooks may cost.
func printCosts(cfg *config.Config, out io.Writer) error {
	costs := costsOf(cfg)
	fmt.Fprint(out, "\nCalls of the API a day, at least: one for each entity of an incremental sync, and one or two for each of a full sync or verify.\n"+
		"Each further page is another one: lazisync plan counts the records.\n")
	t := &table{header: []string{"SCHEDULE", "CRON", "ENTITIES", "RUNS A DAY", "CALLS A DAY"}, flexible: 2, optional: []int{1}}
	for _, c := range costs {
		t.add(c.ScheduleID, c.Cron, fmt.Sprint(len(c.Entities)), rateText(c.RunsPerDay), rateText(c.CallsPerDay))
	}
	if len(costs) > 0 {
		if err := t.print(out, terminalWidth(out)); err != nil {
			return err
		}
	}
	for _, tenant := range costTenants(cfg) {
		total := 0.0
		for _, c := range costs {
			if c.TenantID == tenant.ID {
				total += c.CallsPerDay
			}
		}
		name := ""
		if tenant.ID != "" {
			name = "tenant " + string(tenant.ID) + ": "
		}
		const day = 24 * 60 * 60
		fmt.Fprintf(out, "%sat least %s of the %s calls a day that %v a second allow. %s\n",
			name, rateText(total), rateText(tenant.RequestsPerSecond*day), tenant.RequestsPerSecond, webhookCost(tenant))
	}
	return nil
}

// webhookCost says what webhooks may cost.
func webhookCost(t config.Tenant) string {
	if t.MinInterval <= 0 {
		return "Webhooks may cause any number of incremental passes (SYNC_MIN_INTERVAL is 0)."
	}
	return fmt.Sprintf("Incremental passes of schedules and webhooks: at most %s a day (SYNC_MIN_INTERVAL is %s).",
		display.Thousands(int64(24*time.Hour/t.MinInterval)), t.MinInterval)
}

// rateText formats a number that may be below one.
func rateText(n float64) string {
	if n > 0 && n < 9.95 && n != float64(int64(n)) {
		return fmt.Sprintf("%.2g", n)
	}
	return display.Thousands(int64(n + 0.5))
}
