package events

import (
	"fmt"
	"slices"
	"time"
)

// Validator validates commands. The bridge, the gateway and the command line share it, so that
// the same mistake has the same text everywhere.
type Validator struct {
	Tenants  []TenantID // IDs of the configured tenants; empty in a program that does not know them
	Entities []string   // names of all entities

	// Refreshes says which refreshes are possible, by entity. An entity without an entry is not
	// checked.
	Refreshes map[string]Refreshable

	// Now is the time at which the stream stored the command, so that a redelivery has the same result, or the
	// current time of a command that is not published yet. since must not be more than a minute after it. The
	// zero value skips this check.
	Now time.Time
}

// Request validates the data of a sync.requested. It returns the data unchanged and the ID of
// the tenant, which the data need not name if only one is configured; the ID is "" if neither
// the data nor the Validator has one. The error for invalid data is a *Rejection.
func (v Validator) Request(event Event) (data RequestData, tenant TenantID, err error) {
	if data, err = Requested.Data(event); err != nil {
		return data, "", err
	}
	code := CodeUnknownEntity
	tenant, problems := v.tenant(data.TenantID)
	if len(problems) > 0 {
		code = CodeUnknownTenant
	}
	if problems = append(problems, v.entities(data.Entities)...); len(problems) > 0 {
		return data, "", Reject(code, problems...)
	}
	if problems := v.refresh(data); len(problems) > 0 {
		return data, "", Reject(CodeInvalidData, problems...)
	}
	return data, tenant, nil
}

func (v Validator) tenant(named string) (TenantID, []FieldError) {
	got, want := quote(named), wantTenantID
	switch {
	case named == "" && len(v.Tenants) == 0, slices.Contains(v.Tenants, TenantID(named)):
		return TenantID(named), nil
	case named == "" && len(v.Tenants) == 1:
		return v.Tenants[0], nil
	case len(v.Tenants) == 0:
		if id, err := ParseTenantID(named); err == nil {
			return id, nil
		}
	case len(v.Tenants) == 1:
		want = string(v.Tenants[0])
	default:
		want = "one of " + joinTenantIDs(v.Tenants)
	}
	if named == "" {
		got = "nothing"
	}
	return "", []FieldError{{Path: "tenantId", Got: got, Want: want}}
}

func (v Validator) entities(names []string) []FieldError {
	if known := len(v.Entities); len(names) > known {
		return []FieldError{{
			Path: "entities", Got: fmt.Sprintf("%d entities", len(names)), Want: fmt.Sprintf("at most the %d known entities", known),
		}}
	}
	return CheckEntities(names, v.Entities)
}
