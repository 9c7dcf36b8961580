package entity

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCoreComesFirst(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"customers", "jobs", "invoices", "estimates"}, Names()[:4])
	require.Len(t, core, 4)
}

var (
	tableName  = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	scopeForm  = regexp.MustCompile(`^tn\.[a-z]+\.[a-z]+:r$`)
	pathForm   = regexp.MustCompile(`^/[a-z-]+/v[23]/tenant/\{tenant\}/[a-z/-]+$`)
	fieldForm  = regexp.MustCompile(`^[a-z][A-Za-z]*(\.[a-z][A-Za-z]*)?$`)
	paramForm  = regexp.MustCompile(`^[a-z][A-Za-z]*$`)
	columnType = []ColumnType{Text, Bigint, Numeric, Boolean, Timestamptz}
)

// sections are the parts of the API and the abbreviations of their scopes.
var sections = map[string]string{
	accounting: "acc", crm: "crm", customerInteractions: "csi", dispatch: "dis", equipmentSystems: "eqs", findings: "fdgs",
	forms: "frm", inventory: "inv", jobBooking: "jbce", jpm: "jpm", marketing: "mrk", marketingAds: "mads", memberships: "mem",
	payroll: "prl", pricebook: "pb", reporting: "rpr", sales: "sal", schedulingPro: "sp", serviceAgreements: "sa", settings: "stt",
	taskManagement: "tsm", telecom: "tlc", telecomV3: "tlc", timesheets: "tms",
}

func TestEntitiesAreWellFormed(t *testing.T) {
	t.Parallel()
	names, paths := map[string]bool{}, map[string]bool{}
	for _, e := range Catalogue {
		require.Regexp(t, tableName, e.Name)
		require.LessOrEqual(t, len(e.Table()+"_pkey"), 63, "PostgreSQL cuts longer names: %s", e.Name)
		require.False(t, names[e.Name], e.Name)
		names[e.Name] = true

		require.NotEmpty(t, e.List+e.Export, e.Name)
		for _, path := range []string{e.List, e.Export} {
			if path == "" {
				continue
			}
			require.Regexp(t, pathForm, path)
			require.False(t, paths[path], path)
			paths[path] = true
			require.Equal(t, "tn."+sections[base(path)]+".", e.Scope[:strings.LastIndexByte(e.Scope, '.')+1], e.Name)
			require.Equal(t, path == e.Export, strings.HasPrefix(path, base(path)+"export/"), path)
		}
		require.Regexp(t, scopeForm, e.Scope)
	}
}

// base is the part of a path that the module gives.
func base(path string) string {
	return path[:strings.Index(path, "{tenant}/")+len("{tenant}/")]
}

// TestParametersMatchTheEndpoints keeps a row from naming what its endpoints cannot have.
func TestParametersMatchTheEndpoints(t *testing.T) {
	t.Parallel()
	for _, e := range Catalogue {
		for _, name := range []string{e.States.Name, e.ExportStates.Name, e.Filter.From, e.Filter.Before} {
			if name != "" {
				require.Regexp(t, paramForm, name, e.Name)
			}
		}
		require.Equal(t, e.States.Name == "", e.States.Value == "", e.Name)
		require.Contains(t, []string{"", "+Id", "+ID"}, e.Sort, e.Name)
		require.LessOrEqual(t, e.PageSize, MaxPageSize, e.Name)
		if e.List == "" {
			list := Entity{States: e.States, Filter: e.Filter, Sort: e.Sort, IDs: e.IDs, PageSize: e.PageSize, Shape: e.Shape, Unpaged: e.Unpaged}
			require.Equal(t, Entity{}, list, "%s has no list", e.Name)
		}
		if e.Unpaged {
			require.Zero(t, e.PageSize, e.Name)
			require.False(t, e.ZeroBased, e.Name)
		}
		if e.Export == "" {
			require.Equal(t, Deactivated, e.Inactive, "%s has no feed", e.Name)
			require.Empty(t, e.ExportStates, e.Name)
		}
		if len(e.KeyFields) > 1 {
			require.Equal(t, TextID, e.Key, e.Name)
		}
		for _, field := range e.KeyFields {
			require.Regexp(t, fieldForm, field, e.Name)
		}
	}
}

// reserved are the words of PostgreSQL that must be quoted as the name of a
// column, as far as a field could be called so.
var reserved = strings.Fields(`all analyse analyze and any array as asc asymmetric both case cast check collate column constraint create
	current_date current_role current_time current_timestamp current_user default deferrable desc distinct do else end except false fetch
	for foreign from grant group having in initially intersect into lateral leading limit localtime localtimestamp not null offset on only
	or order placing primary references returning select session_user some symmetric table then to trailing true union unique user using
	variadic when where window with`)

func TestColumnsAreWellFormed(t *testing.T) {
	t.Parallel()
	for _, e := range Catalogue {
		seen := map[string]bool{}
		for _, c := range e.Columns {
			require.Regexp(t, tableName, c.Name, e.Name)
			require.Regexp(t, fieldForm, c.Path, e.Name)
			require.Contains(t, columnType, c.Type, "%s.%s", e.Name, c.Name)
			require.NotContains(t, reserved, c.Name, "%s.%s", e.Name, c.Name)
			require.NotContains(t, []string{"id", "modifiedOn"}, c.Path, "%s has it already", e.Name)
			require.False(t, seen[c.Name], "%s.%s", e.Name, c.Name)
			seen[c.Name] = true
		}
		require.Contains(t, e.Columns, Column{"active", activePath(e), Boolean}, e.Name)
	}
}

func activePath(e Entity) string {
	if e.Name == "wbs_segments" {
		return "isActive"
	}
	return "active"
}

func TestColumns(t *testing.T) {
	t.Parallel()
	require.Equal(t, []Column{
		{"active", "active", Boolean},
		{"is_lead", "isLead", Boolean},
		{"issue", "issue", Text},
		{"job_number", "jobNumber", Text},
		{"job_id", "jobId", Bigint},
		{"business_unit_id", "businessUnit.id", Bigint},
		{"due_date", "dueDate", Timestamptz},
		{"date", "date", Timestamptz},
		{"paid_on", "paidOn", Timestamptz},
		{"sub_total", "subTotal", Numeric},
		{"bill_amount", "billAmount", Numeric},
		{"hourly_rate", "hourlyRate", Numeric},
		{"year", "year", Bigint},
		{"ends_on", "end", Timestamptz},
		{"status", "status.name", Text},
	}, columns("active, isLead, issue, jobNumber, jobId, businessUnit.id, dueDate, date, paidOn, subTotal, billAmount, hourlyRate, "+
		"year bigint, ends_on timestamptz = end, status text = status.name"))
	for _, bad := range []string{"", "a, ", "a b c", "a = b"} {
		require.Panics(t, func() { columns(bad) }, bad)
	}
}

// TestTracking names those of which incrementals see less than all: a change here changes
// what docs/entities.md promises.
func TestTracking(t *testing.T) {
	t.Parallel()
	by := map[Tracking][]string{}
	for _, e := range Catalogue {
		by[e.Tracks()] = append(by[e.Tracks()], e.Name)
	}
	require.Equal(t, []string{"credit_memo_items", "form_submissions", "location_labor_rates"}, sorted(by[Additions]))
	require.Equal(t, []string{
		"arrival_windows", "budget_codes", "campaign_costs", "capacity_warnings", "client_specific_pricing", "contact_preference_definitions",
		"intacct_business_unit_mappings", "material_cost_types", "materials_markup", "payment_types", "project_types", "proposal_types",
		"report_categories", "user_roles", "wbs_segments",
	}, sorted(by[WholeList]))
	require.Len(t, slices.Collect(maps.Keys(by)), 4)
}

func sorted(names []string) []string {
	slices.Sort(names)
	return names
}

func TestWebhookEntities(t *testing.T) {
	t.Parallel()
	require.Equal(t, map[string][]string{
		"customer": {"customers"}, "job": {"jobs"}, "invoice": {"invoices"}, "payment": {"invoices"}, "estimate": {"estimates"},
	}, WebhookEntities())
}
