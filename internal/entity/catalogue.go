package entity

import "strings"

// Catalogue lists every entity that can be synced, in the order they are shown.
var Catalogue = []Entity{
	{
		Name:     "customers",
		List:     "/crm/v2/tenant/{tenant}/customers",
		Export:   "/crm/v2/tenant/{tenant}/export/customers",
		PageSize: MaxPageSize,
		States:   QueryParam{"active", "Any"},
		Filter:   Filter{"modifiedOnOrAfter", "modifiedBefore"},
		Sort:     "+Id",
		Scope:    "tn.crm.customers:r",
		Columns: columns("name text, type text, active boolean, balance numeric, merged_to_id bigint = mergedToId, " +
			"created_on timestamptz = createdOn"),
	},
	{
		Name:     "jobs",
		List:     "/jpm/v2/tenant/{tenant}/jobs", // shows neither deleted jobs nor an active field
		Export:   "/jpm/v2/tenant/{tenant}/export/jobs",
		PageSize: MaxPageSize,
		Filter:   Filter{"modifiedOnOrAfter", "modifiedBefore"},
		Sort:     "+Id",
		Inactive: Deleted,
		Scope:    "tn.jpm.jobs:r",
		Columns: columns("job_number text = jobNumber, job_status text = jobStatus, priority text, active boolean, total numeric, " +
			"customer_id bigint = customerId, location_id bigint = locationId, project_id bigint = projectId, invoice_id bigint = invoiceId, " +
			"business_unit_id bigint = businessUnitId, job_type_id bigint = jobTypeId, " +
			"completed_on timestamptz = completedOn, created_on timestamptz = createdOn"),
	},
	{
		Name:     "invoices",
		List:     "/accounting/v2/tenant/{tenant}/invoices",
		Export:   "/accounting/v2/tenant/{tenant}/export/invoices",
		PageSize: MaxPageSize,
		States:   QueryParam{"activeState", "All"},
		Filter:   Filter{"modifiedOnOrAfter", "modifiedBefore"},
		Sort:     "+Id",
		Scope:    "tn.acc.invoices:r",
		Columns: columns("reference_number text = referenceNumber, active boolean, sync_status text = syncStatus, " +
			"sub_total numeric = subTotal, sales_tax numeric = salesTax, total numeric, balance numeric, " +
			"customer_id bigint = customer.id, location_id bigint = location.id, job_id bigint = job.id, project_id bigint = projectId, " +
			"business_unit_id bigint = businessUnit.id, invoice_date timestamptz = invoiceDate, due_date timestamptz = dueDate, " +
			"paid_on timestamptz = paidOn, created_on timestamptz = createdOn"),
	},
	{
		Name:     "estimates",
		List:     "/sales/v2/tenant/{tenant}/estimates",
		Export:   "/sales/v2/tenant/{tenant}/export/estimates",
		PageSize: MaxPageSize,
		States:   QueryParam{"active", "Any"},
		Filter:   Filter{"modifiedOnOrAfter", "modifiedBefore"},
		Sort:     "+Id",
		Scope:    "tn.sal.estimates:r",
		Columns: columns("name text, job_number text = jobNumber, status text = status.name, review_status text = reviewStatus, active boolean, " +
			"subtotal numeric, tax numeric, customer_id bigint = customerId, location_id bigint = locationId, job_id bigint = jobId, " +
			"project_id bigint = projectId, business_unit_id bigint = businessUnitId, " +
			"sold_on timestamptz = soldOn, created_on timestamptz = createdOn"),
	},
}

// Find looks an entity up by name.
func Find(name string) (Entity, bool) {
	for _, e := range Catalogue {
		if e.Name == name {
			return e, true
		}
	}
	return Entity{}, false
}

// Names lists the names of all entities in catalogue order.
func Names() []string {
	names := make([]string, len(Catalogue))
	for i, e := range Catalogue {
		names[i] = e.Name
	}
	return names
}

// columns reads "column type [= path], …"; the path defaults to the column's
// name. It panics on a malformed row: the catalogue is code.
func columns(spec string) []Column {
	var out []Column
	for part := range strings.SplitSeq(spec, ",") {
		left, path, _ := strings.Cut(part, "=")
		name, typ, ok := strings.Cut(strings.TrimSpace(left), " ")
		if !ok {
			panic("entity: column without a type: " + part)
		}
		path = strings.TrimSpace(path)
		if path == "" {
			path = name
		}
		out = append(out, Column{Name: name, Path: path, Type: ColumnType(strings.TrimSpace(typ))})
	}
	return out
}
