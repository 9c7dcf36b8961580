package ledger

import (
	"time"

	"github.com/lazi/lazisync/events"
)

// CallSpan is a number of API calls between two times: those with which a run read the pages of an
// entity.
type CallSpan struct {
	TenantID events.TenantID
	From, To time.Time
	Calls    int64
}

// CallBudget is the part of a tenant's rate limit that is in use now.
type CallBudget struct {
	TenantID events.TenantID
	Share    float64   // from 0.1 to 1; less than 1 after ServiceTitan answered 429
	SlowedAt time.Time // of that answer; zero if the share is 1
}

// CallsByInterval returns the calls of a tenant in n intervals of a length since a time. The calls
// of a span count as spread evenly over it.
func CallsByInterval(spans []CallSpan, tenantID events.TenantID, since time.Time, length time.Duration, n int) []float64 {
	calls := make([]float64, n)
	for _, s := range spans {
		if s.TenantID != tenantID {
			continue
		}
		whole := max(s.To.Sub(s.From), time.Millisecond)
		for i := max(0, int(s.From.Sub(since)/length)); i < n; i++ {
			begin := since.Add(time.Duration(i) * length)
			if begin.After(s.From.Add(whole)) {
				break
			}
			from, to := begin, begin.Add(length)
			if s.From.After(from) {
				from = s.From
			}
			if end := s.From.Add(whole); end.Before(to) {
				to = end
			}
			if to.After(from) {
				calls[i] += float64(s.Calls) * float64(to.Sub(from)) / float64(whole)
			}
		}
	}
	return calls
}
