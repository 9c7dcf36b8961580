//go:build fault

package fault

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/failpoint"
	"github.com/lazi/lazisync/workflows"
)

// effects are the failpoints after the effects of lazisync on other systems, and one of how many is
// disturbed: frequent ones more rarely, so that runs make progress.
var effects = map[string]int{
	"nats/published": 7, "nats/batch-published": 2, "nats/dead-lettered": 2, "nats/acknowledged": 5,
	"temporal/started": 2, "temporal/signalled": 3,
	"postgresql/committed": 31, "servicetitan/answered": 37, "notifier/posted": 2,
	"worker/run-started": 3, "worker/slice-done": 5, "worker/outcome-marked": 3, "worker/pause-announced": 2,
}

// Every effect takes place, but sometimes its caller hears an error, as if the answer was lost, or
// hears late. Nothing is lost, nothing is done twice, whichever step it is.
func TestFault72AnswersLostAfterEveryEffect(t *testing.T) {
	t.Parallel()
	disturbEffects(t, "error")
}

func TestFault73AnswersLateAfterEveryEffect(t *testing.T) {
	t.Parallel()
	disturbEffects(t, "sleep")
}

func disturbEffects(t *testing.T, action string) {
	t.Helper()
	var points []string
	for name, every := range effects {
		points = append(points, fmt.Sprintf("%s:*%d=%s", name, every, action))
	}
	r := newRig(t, options{simulator: manyPages})
	disturbed := failpoint.Variable + "=" + strings.Join(points, ",")
	var roles []*role
	for _, name := range []string{"bridge", "bridge", "worker", "worker", "notifier", "gateway"} {
		roles = append(roles, r.start(t, name, disturbed))
	}
	gateway := roles[len(roles)-1].gateway
	r.firstSync(t)
	stop := r.load(t, 200*time.Millisecond)
	unmet := func() (names []string) {
		for name := range effects {
			if !slices.ContainsFunc(roles, func(one *role) bool { return strings.Contains(one.Log.String(), "failpoint "+name+":") }) {
				names = append(names, name)
			}
		}
		return names
	}
	began := time.Now()
	for round := 0; len(unmet()) > 0 || round < 3; round++ {
		require.Less(t, time.Since(began), waitLimit, "not met: %v", unmet())
		r.bad(t)
		held := r.full(t)
		id := workflows.FullSyncID(held.requestID())
		r.awaitRunStarted(t, held)
		for _, action := range []string{"pause", "resume", "pause", "resume"} {
			r.control(t, action, id)
		}
		r.deliverUntilTaken(t, gateway, fmt.Sprintf(`{"eventType":"job.updated","id":%d}`, round+1))
		for range 30 { // more than the bridge takes one by one
			r.request(t, `{"mode":"incremental","entities":["jobs"]}`)
		}
		r.awaitSettledRequest(t, held)
	}
	stop()
	r.checkOracle(t, time.Now())
}

// deliverUntilTaken sends a webhook again as ServiceTitan does, until it is taken.
func (r *rig) deliverUntilTaken(t *testing.T, gateway, body string) {
	t.Helper()
	require.Eventually(t, func() bool { return r.webhook(t, gateway, body).StatusCode == http.StatusOK }, waitLimit, tick)
}

// awaitSettledRequest waits until the run of a request has ended.
func (r *rig) awaitSettledRequest(t *testing.T, a *publishedCommand) {
	t.Helper()
	require.Eventually(t, func() bool {
		return slices.Contains([]string{"completed", "failed", "cancelled"}, r.state(t, a))
	}, r.waitLimit, tick, "request %s has no outcome", a.requestID())
}
