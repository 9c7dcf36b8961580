package docs

import (
	"fmt"
	"strings"

	"github.com/lazi/lazisync/internal/metrics"
)

const metricsIntro = `
Every role exports its metrics for Prometheus on ` + "`/metrics`" + ` of its admin address; ` + "`lazisync serve`" + ` exports those of all roles.
[Observability](observability.md) says what to do about an alert.

- Series of closed sets of labels exist from the start with value 0, so that the first increase counts.
- Labels never contain what a publisher chooses freely, record data or secrets.
- A counter is that of one process: ` + "`sum`" + ` adds the processes. A run is counted by the process that finalized it, once. The count is
  lost if the process is killed between the write and the next scrape; the ledger has every run.
- Gauges of the database and the streams are read every 15 seconds, those of the database in one query. They are absent while they cannot be
  read. Every process of the role has the same value: ` + "`max`" + ` aggregates them.
- The role ` + "`worker`" + ` also exports the metrics of [Temporal's SDK](https://docs.temporal.io/references/sdk-metrics): counters with the suffix
  ` + "`_total`" + `, timers as histograms with the suffix ` + "`_seconds`" + `. Every role exports those of the Go runtime and the process.

| metric | type | labels | roles | meaning |
|---|---|---|---|---|
`

// metricsReference returns metrics.md.
func metricsReference() string {
	var b strings.Builder
	b.WriteString(generatedNote + "# Metrics\n" + metricsIntro)
	for _, d := range metrics.Definitions {
		labels := make([]string, len(d.Labels))
		for i, l := range d.Labels {
			labels[i] = code(l)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", d.Name, d.Kind, strings.Join(labels, ", "), strings.Join(d.Roles, ", "), cell(d.Help))
	}
	return b.String()
}
