package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// EntitiesOptions are those of `lazisync entities`.
type EntitiesOptions struct {
	Drift    bool            // list new fields in place of the catalogue
	TenantID events.TenantID // of which new fields are listed; "" for all
	JSON     bool
}

// Check returns an error if an option is invalid, or does not fit the others.
func (o EntitiesOptions) Check() error {
	err := checkTenantID(o.TenantID)
	if o.TenantID != "" && !o.Drift {
		err = errors.Join(err, errors.New("--tenant: got a tenant without --drift; every tenant has the same entities"))
	}
	return err
}

// newFieldView is a new field as `lazisync entities --drift --json` prints it. Its JSON is public.
type newFieldView struct {
	TenantID    events.TenantID `json:"tenantId"`
	Entity      string          `json:"entity"`
	Field       string          `json:"field"`
	FirstSeenAt time.Time       `json:"firstSeenAt"`
	RunNumber   int64           `json:"runNumber"`
}

// PrintNewFields prints the fields that ServiceTitan has added to records since their entity was first read
// completely, the latest first.
func PrintNewFields(ctx context.Context, b Backends, o EntitiesOptions, out io.Writer) error {
	s, err := b.Store(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	fields, err := s.NewFields(ctx, o.TenantID, "")
	if err != nil {
		return err
	}
	if o.JSON {
		views := make([]newFieldView, len(fields))
		for i, f := range fields {
			views[i] = newFieldView{f.TenantID, f.Entity, f.Field, f.FirstSeenAt.UTC(), f.Run}
		}
		return json.NewEncoder(out).Encode(views)
	}
	if len(fields) == 0 {
		_, err := fmt.Fprintln(out, "No new fields. The fields of an entity are known after its first full sync.")
		return err
	}
	return newFieldsTable(fields).print(out, terminalWidth(out))
}

// newFieldsTable returns a table with one row for each field, and the tenants if there are several.
func newFieldsTable(fields []ledger.NewField) *table {
	t := &table{header: []string{"ENTITY", "FIELD", "FIRST SEEN (UTC)", "RUN", "TENANT"}, flexible: 1, optional: []int{4, 3}}
	severalTenants := slices.ContainsFunc(fields, func(f ledger.NewField) bool { return f.TenantID != fields[0].TenantID })
	for _, f := range fields {
		tenant := ""
		if severalTenants {
			tenant = string(f.TenantID)
		}
		t.add(f.Entity, f.Field, f.FirstSeenAt.UTC().Format(time.DateTime), fmt.Sprint(f.Run), tenant)
	}
	return t
}
