package entity

// settingsEntities are the entities of the modules Settings, Task Management and Telecom.
var settingsEntities = []Entity{
	{
		Name: "report_categories", List: reporting + "report-categories",
		Key: TextID, Scope: "tn.rpr.reportcategories:r",
		Columns: columns("active, name"),
	},
	{
		Name: "business_units", List: settings + "business-units", Export: settings + "export/business-units",
		States: anyState, Filter: modified, IDs: true, Scope: "tn.stt.businessunits:r",
		Columns: columns("active, name, createdOn"),
	},
	{
		Name: "employees", List: settings + "employees", Export: settings + "export/employees",
		States: anyState, Filter: modified, IDs: true, Scope: "tn.stt.employees:r",
		Columns: columns("active, name, businessUnitId, userId, email, phoneNumber, createdOn"),
	},
	{
		Name: "intacct_business_unit_mappings", List: settings + "business-units/intacct",
		PageSize: 500, ZeroBased: true, Totals: TotalAlways, IDs: true, Scope: "tn.stt.businessunits:r",
		Columns: columns("active, name, intacct_location_id text = intacctLocationId"),
	},
	{
		Name: "tag_types", List: settings + "tag-types", Export: settings + "export/tag-types",
		States: anyState, Filter: modified, Scope: "tn.stt.tagtypes:r",
		Columns: columns("active, name, code, createdOn"),
	},
	{
		Name: "technicians", List: settings + "technicians", Export: settings + "export/technicians",
		States: anyState, Filter: modified, IDs: true, Scope: "tn.stt.technicians:r",
		Columns: columns("active, name, status, jobId, businessUnitId, userId, email, phoneNumber, createdOn"),
	},
	// The list filters only by creation time. It is short, so it is read whole to see edits.
	{
		Name: "user_roles", List: settings + "user-roles",
		States: anyState, IDs: true, Scope: "tn.stt.userroles:r",
		Columns: columns("active, name, createdOn"),
	},
	{
		Name: "tasks", List: taskManagement + "tasks",
		States: anyState, Filter: modified, Sort: byID, IDs: true, Scope: "tn.tsm.tasks:r",
		Columns: columns("active, name, jobNumber, status, priority, customerId, jobId, projectId, businessUnitId, assignedToId, " +
			"complete_by timestamptz = completeBy, createdOn"),
	},
	// The list (telecom v3) nests fields that are flat in the feed (v2).
	{
		Name: "calls", List: telecomV3 + "calls", Export: telecom + "export/calls",
		States: anyState, Filter: modified, IDs: true, ListDiffers: true, Scope: "tn.tlc.calls:r",
		Columns: columns("active, type, direction, status, duration, from_number text = from, to_number text = to, agent.id, campaign.id, " +
			"customer.id, location.id, job.id, createdOn"),
	},
}
