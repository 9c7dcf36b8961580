package entity

// membershipEntities are memberships and the services that recur with them.
var membershipEntities = []Entity{
	{
		Name: "customer_memberships", List: memberships + "memberships", Export: memberships + "export/memberships",
		States: anyState, Filter: modified, IDs: true, GoneStatus: "Deleted", Scope: "tn.mem.memberships:r",
		Columns: columns("active, status, customerId, locationId, businessUnitId, membershipTypeId, starts_on timestamptz = from, " +
			"ends_on timestamptz = to, createdOn"),
	},
	// The list needs ids.
	{
		Name: "invoice_templates", Export: memberships + "export/invoice-templates",
		Scope:   "tn.mem.invoicetemplates:r",
		Columns: columns("active, name, total, createdOn"),
	},
	fieldTypes("membership_custom_field_types", memberships+"memberships/custom-fields", "tn.mem.memberships:r"),
	// The list needs a membership.
	{
		Name: "membership_status_changes", Export: memberships + "export/membership-status-changes",
		Scope:   "tn.mem.memberships:r",
		Columns: columns("active, membershipId, oldStatus, newStatus, createdOn"),
	},
	{
		Name: "membership_types", List: memberships + "membership-types", Export: memberships + "export/membership-types",
		States: anyState, Filter: modified, IDs: true, Scope: "tn.mem.membershiptypes:r",
		Columns: columns("active, name, displayName, createdOn"),
	},
	{
		Name: "recurring_service_events", List: memberships + "recurring-service-events", Export: memberships + "export/recurring-service-events",
		Filter: modified, IDs: true, Inactive: Deleted, Scope: "tn.mem.recurringserviceevents:r",
		Columns: columns("active, status, date, jobId, membershipId, createdOn"),
	},
	{
		Name: "recurring_service_types", List: memberships + "recurring-service-types", Export: memberships + "export/recurring-service-types",
		States: anyState, Filter: modified, Sort: byID, IDs: true, Scope: "tn.mem.recurringservicetypes:r",
		Columns: columns("active, name, priority, businessUnitId, campaignId, createdOn"),
	},
	{
		Name: "recurring_services", List: memberships + "recurring-services", Export: memberships + "export/recurring-services",
		States: anyState, Filter: modified, IDs: true, Scope: "tn.mem.recurringservices:r",
		Columns: columns("active, name, priority, locationId, businessUnitId, campaignId, membershipId, starts_on timestamptz = from, " +
			"ends_on timestamptz = to, createdOn"),
	},
}
