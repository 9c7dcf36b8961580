package entity

// salesEntities are estimates and related sales entities.
var salesEntities = []Entity{
	{
		Name: "estimate_items", List: sales + "estimates/items",
		States: anyState, Filter: modified, IDs: true, Scope: "tn.sal.estimates:r",
		Columns: columns("active, total, membershipTypeId, invoiceItemId, qty numeric, totalCost, createdOn"),
	},
	{
		Name: "estimate_templates", List: sales + "estimate-templates",
		States: anyState, Filter: modified, Scope: "tn.sal.estimatetemplates:r",
		Columns: columns("active, name, businessUnitId, createdOn"),
	},
	{
		Name: "proposal_templates", List: sales + "proposal-templates",
		States: anyState, Filter: modified, Scope: "tn.sal.proposaltemplates:r",
		Columns: columns("active, name, status, createdOn"),
	},
	{
		Name: "proposal_types", List: sales + "proposal-types",
		Shape: Data, Unpaged: true, States: anyState, Scope: "tn.sal.proposaltypes:r",
		Columns: columns("active, name, type"),
	},
	{
		Name: "service_agreements", List: serviceAgreements + "service-agreements", Export: serviceAgreements + "export/service-agreements",
		Filter: modified, Sort: byID, IDs: true, Inactive: Deleted, Scope: "tn.sa.serviceagreements:r",
		Columns: columns("active, name, status, customerId, businessUnitId, startDate, endDate, createdOn"),
	},
}
