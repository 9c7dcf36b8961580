package entity

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// The expectations in this file were written from the API's documentation, not
// from the catalogue.

// TestOneEntityOfEachFamily compares one whole row of each kind of endpoint.
func TestOneEntityOfEachFamily(t *testing.T) {
	t.Parallel()
	change := Filter{From: "modifiedOnOrAfter", Before: "modifiedBefore"}
	for _, want := range []Entity{
		{
			Name: "locations", List: "/crm/v2/tenant/{tenant}/locations", Export: "/crm/v2/tenant/{tenant}/export/locations",
			States: QueryParam{"active", "Any"}, Filter: change, Sort: "+Id", IDs: true, Scope: "tn.crm.locations:r",
			Columns: []Column{
				{"active", "active", Boolean}, {"name", "name", Text}, {"customer_id", "customerId", Bigint}, {"merged_to_id", "mergedToId", Bigint},
				{"zone_id", "zoneId", Bigint}, {"tax_zone_id", "taxZoneId", Bigint}, {"created_on", "createdOn", Timestamptz},
			},
		},
		{
			Name: "payments", List: "/accounting/v2/tenant/{tenant}/payments", Export: "/accounting/v2/tenant/{tenant}/export/payments",
			States: QueryParam{"activeState", "All"}, Filter: change, IDs: true, Scope: "tn.acc.payments:r",
			Columns: []Column{
				{"active", "active", Boolean}, {"reference_number", "referenceNumber", Text}, {"type", "type", Text}, {"sync_status", "syncStatus", Text},
				{"total", "total", Numeric}, {"date", "date", Timestamptz}, {"customer_id", "customer.id", Bigint},
				{"business_unit_id", "businessUnit.id", Bigint}, {"created_on", "createdOn", Timestamptz},
			},
		},
		{
			Name: "job_splits", List: "/payroll/v2/tenant/{tenant}/jobs/splits", Export: "/payroll/v2/tenant/{tenant}/export/jobs/splits",
			States: QueryParam{"active", "Any"}, Filter: change, Sort: "+Id", Inactive: Deleted, Scope: "tn.prl.jobs:r",
			Columns: []Column{
				{"active", "active", Boolean}, {"job_id", "jobId", Bigint}, {"technician_id", "technicianId", Bigint}, {"split", "split", Numeric},
				{"created_on", "createdOn", Timestamptz},
			},
		},
		{
			Name: "technician_ratings", List: "/customer-interactions/v2/tenant/{tenant}/technician-ratings",
			Export: "/customer-interactions/v2/tenant/{tenant}/export/technician-ratings",
			States: QueryParam{"active", "Any"}, Filter: change, Key: TextID, KeyFields: []string{"technicianId", "jobId"}, Scope: "tn.csi.technicianrating:r",
			Columns: []Column{
				{"active", "active", Boolean}, {"job_id", "jobId", Bigint}, {"technician_id", "technicianId", Bigint}, {"rating", "rating", Numeric},
				{"created_on", "createdOn", Timestamptz},
			},
		},
		{
			Name: "job_notes", Export: "/jpm/v2/tenant/{tenant}/export/job-notes", Inactive: Deleted, Scope: "tn.jpm.jobnotes:r",
			Columns: []Column{
				{"active", "active", Boolean}, {"job_id", "jobId", Bigint}, {"text", "text", Text}, {"created_on", "createdOn", Timestamptz},
			},
		},
		{
			Name: "equipment_types", List: "/equipmentsystems/v2/tenant/{tenant}/equipment-types",
			States: QueryParam{"active", "Any"}, Filter: change, Sort: "+ID", IDs: true, Scope: "tn.eqs.equipmenttypes:r",
			Columns: []Column{{"active", "active", Boolean}, {"name", "name", Text}, {"created_on", "createdOn", Timestamptz}},
		},
		{
			Name: "job_custom_field_types", List: "/jpm/v2/tenant/{tenant}/jobs/custom-fields", Filter: change, Scope: "tn.jpm.jobs:r",
			Columns: []Column{
				{"active", "active", Boolean}, {"name", "name", Text}, {"data_type", "dataType", Text}, {"created_on", "createdOn", Timestamptz},
			},
		},
		{
			Name: "technician_shifts", List: "/dispatch/v2/tenant/{tenant}/technician-shifts",
			States: QueryParam{"active", "Any"}, Filter: change, Sort: "+Id", Scope: "tn.dis.technicianshifts:r",
			Columns: []Column{
				{"active", "active", Boolean}, {"starts_on", "start", Timestamptz}, {"ends_on", "end", Timestamptz}, {"technician_id", "technicianId", Bigint},
				{"created_on", "createdOn", Timestamptz},
			},
		},
		{
			Name: "intacct_business_unit_mappings", List: "/settings/v2/tenant/{tenant}/business-units/intacct",
			PageSize: 500, ZeroBased: true, Totals: TotalAlways, IDs: true, Scope: "tn.stt.businessunits:r",
			Columns: []Column{{"active", "active", Boolean}, {"name", "name", Text}, {"intacct_location_id", "intacctLocationId", Text}},
		},
		{
			Name: "contact_preference_definitions", List: "/crm/v2/tenant/{tenant}/contacts/preferences",
			Shape: Array, Unpaged: true, Key: TextID, Scope: "tn.crm.contacts:r",
			Columns: []Column{{"active", "active", Boolean}, {"name", "name", Text}, {"data_type", "dataType", Text}},
		},
	} {
		got, found := Find(want.Name)
		require.True(t, found, want.Name)
		require.Equal(t, want, got)
	}
}

// TestSetsOfEntities compares what is said of several entities at once.
func TestSetsOfEntities(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		is   func(Entity) bool
		want []string
	}{
		"inactive means deleted": {func(e Entity) bool { return e.Inactive == Deleted }, []string{
			"bookings", "customer_contacts", "gross_pay_items", "inventory_bills", "job_notes", "job_splits", "jobs", "leads", "location_contacts",
			"project_notes", "projects", "recurring_service_events", "service_agreements",
		}},
		"deleted by status": {func(e Entity) bool { return e.GoneStatus != "" }, []string{"customer_memberships"}},
		"text keys": {func(e Entity) bool { return e.Key == TextID }, []string{
			"capacity_warnings", "contact_methods", "contact_preference_definitions", "contacts", "journal_entries", "location_labor_rates",
			"payroll_settings", "report_categories", "schedulers", "technician_ratings", "technician_skills",
		}},
		"keys other than id": {func(e Entity) bool { return len(e.KeyFields) > 0 }, []string{
			"capacity_warnings", "job_history", "location_labor_rates", "payroll_settings", "technician_ratings",
		}},
		"a feed alone": {func(e Entity) bool { return e.List == "" }, []string{
			"invoice_items", "invoice_templates", "job_canceled_logs", "job_history", "job_notes", "membership_status_changes", "project_notes",
		}},
		"lists with other fields than the feed": {func(e Entity) bool { return e.ListDiffers }, []string{"calls", "pricebook_services"}},
		"smaller pages": {func(e Entity) bool { return e.PageSize != 0 }, []string{
			"form_submissions", "intacct_business_unit_mappings", "journal_entries",
		}},
		"a bound is wanted": {func(e Entity) bool { return e.Filter.Required }, []string{"customer_contacts", "location_contacts"}},
		"feeds with a filter of states": {func(e Entity) bool { return e.ExportStates.Name != "" }, []string{
			"appointment_assignments", "appointments",
		}},
		"other filters of states": {func(e Entity) bool { return e.States.Name != "" && e.States.Name != "active" }, []string{
			"invoices", "non_job_appointments", "payments", "return_types", "teams",
		}},
		"other shapes": {func(e Entity) bool { return e.Shape != Pages || e.Unpaged }, []string{
			"capacity_warnings", "contact_preference_definitions", "material_cost_types", "proposal_types", "wbs_segments",
		}},
	} {
		var got []string
		for _, e := range Catalogue {
			if c.is(e) {
				got = append(got, e.Name)
			}
		}
		slices.Sort(got)
		require.Equal(t, c.want, got, what)
	}
}

// TestListsWithoutSort names those that cannot be sorted at all.
func TestListsWithoutSort(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"ap_bills", "inventory_bills", "customer_contacts", "location_contacts", "installed_equipment_custom_field_types", "job_types", "payroll_settings",
		"estimate_templates", "proposal_templates", "schedulers", "employees", "technicians", "business_units",
	} {
		e, found := Find(name)
		require.True(t, found, name)
		require.Empty(t, e.Sort, name)
	}
}
