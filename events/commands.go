package events

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Validator validates commands. The bridge, the gateway and the command line share it, so that
// the same mistake has the same text everywhere.
type Validator struct {
	Tenants  []string // IDs of the configured tenants; empty in a program that does not know them
	Entities []string // names of all entities
}

// Request validates the data of a sync.requested. It returns the data unchanged and the ID of
// the tenant, which the data need not name if only one is configured; the ID is "" if neither
// the data nor the Validator has one. The error for invalid data is a *Rejection.
func (v Validator) Request(event Event) (data RequestData, tenantID string, err error) {
	if data, err = Requested.Data(event); err != nil {
		return data, "", err
	}
	code := CodeUnknownEntity
	tenantID, problems := v.tenant(data.TenantID)
	if len(problems) > 0 {
		code = CodeUnknownTenant
	}
	if problems = append(problems, v.entities(data.Entities)...); len(problems) > 0 {
		return data, "", Reject(code, problems...)
	}
	return data, tenantID, nil
}

func (v Validator) tenant(named string) (string, []FieldError) {
	got, want := quote(named), "one of "+strings.Join(v.Tenants, ", ")
	switch {
	case named == "" && len(v.Tenants) == 0, slices.Contains(v.Tenants, named):
		return named, nil
	case named == "" && len(v.Tenants) == 1:
		return v.Tenants[0], nil
	case named == "":
		got = "nothing"
	case len(v.Tenants) == 0:
		if _, err := ParseTenantID(named); err == nil {
			return named, nil
		}
		want = wantTenantID
	case len(v.Tenants) == 1:
		want = v.Tenants[0]
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

const wantTenantID = "the number of a ServiceTitan tenant, digits only"

// ParseTenantID returns the number of a tenant ID. Tenant IDs are compared as text, so that only
// the form without sign and leading zeros is valid. The error has the form "got …, want …".
func ParseTenantID(id string) (int64, error) {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil || n <= 0 || strconv.FormatInt(n, 10) != id {
		return 0, fmt.Errorf("got %q, want %s", id, wantTenantID)
	}
	return n, nil
}
