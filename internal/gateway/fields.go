package gateway

import (
	"net/http"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// newFieldView is a field that ServiceTitan has added.
type newFieldView struct {
	TenantID    events.TenantID `json:"tenantId"`
	Entity      string          `json:"entity"`
	Field       string          `json:"field"`
	FirstSeenAt time.Time       `json:"firstSeenAt"`
	RunNumber   int64           `json:"runNumber"`
}

// listNewFields lists the fields that ServiceTitan has added to records, the latest first. There are few:
// the names of an entity are bounded.
func (g *Gateway) listNewFields(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	tenant, problems := parseTenant(query)
	entityName := query.Get("entity")
	problems = append(problems, ledger.RunFilter{Entity: entityName}.Check()...)
	if err := allInvalid(problems); err != nil {
		return err
	}
	list, err := g.Ledger.NewFields(r.Context(), tenant, entityName)
	if err != nil {
		return unavailable("the database is unavailable", err)
	}
	views := make([]newFieldView, len(list))
	for i, f := range list {
		views[i] = newFieldView{f.TenantID, f.Entity, f.Field, f.FirstSeenAt.UTC(), f.Run}
	}
	return writeJSON(w, http.StatusOK, map[string]any{"fields": views})
}
