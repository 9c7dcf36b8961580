package gateway

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

const (
	defaultRejected = 50
	maxRejected     = 500
)

// rejectedView is a rejected record without its bytes, which may contain personal data.
type rejectedView struct {
	RunNumber  int64           `json:"runNumber"`
	TenantID   events.TenantID `json:"tenantId"`
	Entity     string          `json:"entity"`
	RecordID   string          `json:"recordId"`
	Reason     string          `json:"reason"`
	Bytes      int             `json:"bytes"`
	RejectedAt time.Time       `json:"rejectedAt"`
}

// listRejected lists records that could not be stored, newest first.
func (g *Gateway) listRejected(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	limit, err := parseLimit(query.Get("limit"), defaultRejected, maxRejected)
	if err != nil {
		return err
	}
	filter, err := parseRejectedFilter(query)
	if err != nil {
		return err
	}
	list, err := g.Ledger.RejectedRecords(r.Context(), filter, limit)
	if err != nil {
		return unavailable("the database is unavailable", err)
	}
	views := make([]rejectedView, 0, len(list))
	for _, one := range list {
		views = append(views, rejectedView{
			RunNumber: one.Run, TenantID: one.TenantID, Entity: one.Entity, RecordID: one.RecordID, Reason: one.Reason, Bytes: one.Bytes,
			RejectedAt: one.At.UTC(),
		})
	}
	answer := map[string]any{"records": views}
	if len(list) >= limit {
		answer["nextBefore"] = views[len(views)-1].RejectedAt
	}
	return writeJSON(w, http.StatusOK, answer)
}

func parseRejectedFilter(query url.Values) (ledger.RejectedFilter, error) {
	f := ledger.RejectedFilter{Entity: query.Get("entity")}
	tenant, problems := parseTenant(query)
	f.TenantID = tenant
	problems = append(problems, ledger.RunFilter{Entity: f.Entity}.Check()...)
	if text := query.Get("run"); text != "" {
		number, err := strconv.ParseInt(text, 10, 64)
		if err != nil || number < 1 {
			problems = append(problems, field("run", text, "the number of a run"))
		}
		f.Run = number
	}
	if text := query.Get("before"); text != "" {
		before, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			problems = append(problems, field("before", text, "nextBefore of the previous response"))
		}
		f.Before = before
	}
	return f, allInvalid(problems)
}
