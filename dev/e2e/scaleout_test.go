package e2e

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/simulator"
)

// Two workers read twelve entities of one tenant at once, more than one worker can. From the first
// call until any other, they send no more calls than the budget has in that time and a burst.
func TestWorkerProcessesShareTheRateBudget(t *testing.T) {
	t.Parallel()
	const perSecond = 10
	entities := feeds(12)
	w := newFixture(t, options{simulator: simulator.Options{Records: recordsOf(entities, 200), RecordsPerEntity: 200, ExportPageSize: 20}})
	w.set = []string{"SERVICETITAN_REQUESTS_PER_SECOND=10"}
	w.start(t, "bridge")
	workers := []*process{w.start(t, "worker"), w.start(t, "worker")}
	var requests []string
	for some := range slices.Chunk(entities, 4) {
		requests = append(requests, w.request(t, `{"mode":"full","entities":["`+strings.Join(some, `","`)+`"]}`))
	}
	for _, id := range requests {
		w.completed(t, id)
	}

	var calls []time.Time
	for _, c := range w.stack.Simulator.Stats().Requests {
		if c.On != "token" {
			calls = append(calls, c.At)
		}
	}
	slices.SortFunc(calls, time.Time.Compare)
	require.GreaterOrEqual(t, len(calls), 10*len(entities))
	for i, at := range calls {
		// On a busy machine calls arrive late, also the first one: by two seconds of the budget.
		require.LessOrEqual(t, float64(i+1), perSecond*(at.Sub(calls[0]).Seconds()+2)+2, "call %d arrived after %s", i+1, at.Sub(calls[0]))
	}
	for _, one := range workers {
		require.Contains(t, one.metrics(t), `lazisync_api_requests_total{status="200",tenant="`+w.tenant+`"}`, "each worker sent some of the calls")
	}
}

// feeds returns some entities with an export feed.
func feeds(n int) (names []string) {
	for _, name := range entity.Names() {
		if e, _ := entity.Find(name); e.Export != "" && len(names) < n {
			names = append(names, name)
		}
	}
	return names
}

func recordsOf(entities []string, records int) map[string]int {
	all := map[string]int{}
	for _, name := range entities {
		all[name] = records
	}
	return all
}

// metrics returns the text of the role's metrics.
func (p *process) metrics(t *testing.T) string {
	t.Helper()
	response, err := http.Get(p.admin + "/metrics")
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return string(text)
}

// Three tenants have unavailable APIs and one gets only 429s: sixteen entities, more than the worker
// reads at once. A healthy tenant that is requested last is synced first.
func TestUnavailableTenantsDoNotDelayOthers(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{others: make([]simulator.Options, 4)})
	w.start(t, "serve")
	failing, healthy := w.others, w.tenant
	faults := []simulator.Fault{{Kind: "503", Count: -1}, {Kind: "500", Count: -1}, {Kind: "502", Count: -1}, {Kind: "429", Count: -1, WaitSeconds: 1, RetryAfter: true}}
	for i, tenant := range failing {
		require.NoError(t, w.stack.Companies[i+1].AddFault(faults[i]))
		w.request(t, `{"mode":"full","tenantId":"`+tenant+`"}`)
	}
	for i := range failing {
		refused := func() (n int) {
			for _, e := range w.stack.Companies[i+1].Stats().Entities {
				n += e.Refused
			}
			return n
		}
		require.Eventually(t, func() bool { return refused() >= len(core) }, waitLimit, tick, "tenant %s gets no errors", failing[i])
	}

	w.completed(t, w.request(t, `{"mode":"full","tenantId":"`+healthy+`"}`))
	for _, outcome := range w.outcomes(t) {
		require.EqualValues(t, healthy, outcome.TenantID, "only the healthy tenant has an outcome")
	}
	w.requireEqual(t)
}
