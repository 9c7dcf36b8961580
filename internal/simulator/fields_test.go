package simulator_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/simulator"
)

var (
	timestamp = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z$`)
	date      = regexp.MustCompile(`^\d{4}-\d\d-\d\dT00:00:00Z$`)
	money     = regexp.MustCompile(`^-?\d+\.\d\d$`)
	integer   = regexp.MustCompile(`^-?\d+$`)
	decimal   = regexp.MustCompile(`^-?\d+\.\d+$`)
)

// TestFields compares every field of the records, including nested ones, with lists written by
// hand: no field is missing or unknown, and all have the right form. Nullable text must occur both
// with a value and as null.
func TestFields(t *testing.T) {
	t.Parallel()
	more := map[string]int{"locations": 500}
	a := start(t, simulator.Options{Seed: 3, RecordsPerEntity: 500, Records: more})
	for entity, paths := range map[string][2]string{
		"customers": {customersExport, customersList + "?active=Any&pageSize=5000"},
		"jobs":      {jobsExport, jobsList + "?pageSize=5000"},
		"invoices":  {invoicesExport, invoicesList + "?activeState=All&pageSize=5000"},
		"estimates": {estimatesExport, estimatesList + "?active=Any&pageSize=5000"},

		"locations":    {"/crm/v2/tenant/{tenant}/export/locations", "/crm/v2/tenant/{tenant}/locations?active=Any&pageSize=5000"},
		"appointments": {"/jpm/v2/tenant/{tenant}/export/appointments", "/jpm/v2/tenant/{tenant}/appointments?active=Any&pageSize=5000"},
		"payments":     {"/accounting/v2/tenant/{tenant}/export/payments", "/accounting/v2/tenant/{tenant}/payments?activeState=All&pageSize=5000"},
		"technicians":  {"/settings/v2/tenant/{tenant}/export/technicians", "/settings/v2/tenant/{tenant}/technicians?active=Any&pageSize=5000"},
		"appointment_assignments": {
			"/dispatch/v2/tenant/{tenant}/export/appointment-assignments", "/dispatch/v2/tenant/{tenant}/appointment-assignments?active=Any&pageSize=5000",
		},
		"customer_contacts": {
			"/crm/v2/tenant/{tenant}/export/customers/contacts", "/crm/v2/tenant/{tenant}/customers/contacts?modifiedBefore=2100-01-01&pageSize=5000",
		},
	} {
		want := wantedForms(t, "testdata/fields/"+entity+".txt")
		require.Equal(t, want, a.forms(t, paths[0]), entity+" in the export")
		if entity == "jobs" || entity == "customer_contacts" {
			delete(want, "active") // the only field that the list omits
		}
		require.Equal(t, want, a.forms(t, paths[1]), entity+" in the list")
	}
}

// wantedForms reads "field form", or "field form?" if the field may be null.
func wantedForms(t *testing.T, file string) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	forms := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		field, form, ok := strings.Cut(strings.TrimSpace(line), " ")
		require.True(t, ok, line)
		if form, nullable := strings.CutSuffix(form, "?"); nullable {
			forms[field] = []string{"null", form}
		} else {
			forms[field] = []string{form}
		}
		slices.Sort(forms[field])
	}
	return forms
}

// forms returns the forms of every field on a page.
func (a *api) forms(t *testing.T, path string) map[string][]string {
	t.Helper()
	status, body := a.get(t, path)
	require.Equal(t, 200, status)
	var p struct{ Data []map[string]any }
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	require.NoError(t, decoder.Decode(&p))
	require.NotEmpty(t, p.Data)
	forms := map[string][]string{}
	for _, record := range p.Data {
		collect(forms, "", record)
	}
	return forms
}

func collect(forms map[string][]string, field string, value any) {
	if form := formOf(value); field != "" && !slices.Contains(forms[field], form) {
		forms[field] = append(forms[field], form)
		slices.Sort(forms[field])
	}
	switch v := value.(type) {
	case map[string]any:
		for name, inner := range v {
			collect(forms, strings.TrimPrefix(field+"."+name, "."), inner)
		}
	case []any:
		for _, inner := range v {
			if _, object := inner.(map[string]any); object {
				for name, field2 := range inner.(map[string]any) {
					collect(forms, field+"[]."+name, field2)
				}
				continue
			}
			collect(forms, field+"[]", inner)
		}
	}
}

func formOf(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case bool:
		return "bool"
	case map[string]any:
		return "object"
	case []any:
		return "array"
	case json.Number:
		switch {
		case integer.MatchString(v.String()):
			return "int"
		case decimal.MatchString(v.String()):
			return "number"
		}
	case string:
		switch {
		case timestamp.MatchString(v):
			return "time"
		case date.MatchString(v):
			return "date"
		case money.MatchString(v):
			return "money"
		}
		return "string"
	}
	return fmt.Sprintf("unexpected %v", value)
}
