package entity

// core has the entities that an installation syncs by default.
var core = []Entity{
	{
		Name:     "customers",
		List:     crm + "customers",
		Export:   crm + "export/customers",
		States:   anyState,
		Filter:   modified,
		Sort:     byID,
		IDs:      true,
		Scope:    "tn.crm.customers:r",
		Webhooks: []string{"customer"},
		Columns: columns("name text, type text, active boolean, balance numeric, merged_to_id bigint = mergedToId, " +
			"created_on timestamptz = createdOn"),
	},
	{
		Name:     "jobs",
		List:     jpm + "jobs", // shows neither deleted jobs nor an active field
		Export:   jpm + "export/jobs",
		Filter:   modified,
		Sort:     byID,
		IDs:      true,
		Inactive: Deleted,
		Scope:    "tn.jpm.jobs:r",
		Webhooks: []string{"job"},
		Columns: columns("job_number text = jobNumber, job_status text = jobStatus, priority text, active boolean, total numeric, " +
			"customer_id bigint = customerId, location_id bigint = locationId, project_id bigint = projectId, invoice_id bigint = invoiceId, " +
			"business_unit_id bigint = businessUnitId, job_type_id bigint = jobTypeId, " +
			"completed_on timestamptz = completedOn, created_on timestamptz = createdOn"),
	},
	{
		Name:     "invoices",
		List:     accounting + "invoices",
		Export:   accounting + "export/invoices",
		States:   allStates,
		Filter:   modified,
		Sort:     byID,
		IDs:      true,
		Scope:    "tn.acc.invoices:r",
		Webhooks: []string{"invoice", "payment"}, // a payment changes the balance of its invoice
		Columns: columns("reference_number text = referenceNumber, active boolean, sync_status text = syncStatus, " +
			"sub_total numeric = subTotal, sales_tax numeric = salesTax, total numeric, balance numeric, " +
			"customer_id bigint = customer.id, location_id bigint = location.id, job_id bigint = job.id, project_id bigint = projectId, " +
			"business_unit_id bigint = businessUnit.id, invoice_date timestamptz = invoiceDate, due_date timestamptz = dueDate, " +
			"paid_on timestamptz = paidOn, created_on timestamptz = createdOn"),
	},
	{
		Name:     "estimates",
		List:     sales + "estimates",
		Export:   sales + "export/estimates",
		States:   anyState,
		Filter:   modified,
		Sort:     byID,
		IDs:      true,
		Scope:    "tn.sal.estimates:r",
		Webhooks: []string{"estimate"},
		Columns: columns("name text, job_number text = jobNumber, status text = status.name, review_status text = reviewStatus, active boolean, " +
			"subtotal numeric, tax numeric, customer_id bigint = customerId, location_id bigint = locationId, job_id bigint = jobId, " +
			"project_id bigint = projectId, business_unit_id bigint = businessUnitId, " +
			"sold_on timestamptz = soldOn, created_on timestamptz = createdOn"),
	},
}
