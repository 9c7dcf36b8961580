package entity

// crmEntities are the entities of the module CRM beside the core.
var crmEntities = []Entity{
	{
		Name: "booking_provider_tags", List: crm + "booking-provider-tags",
		Filter: modified, Sort: byID, IDs: true, Scope: "tn.crm.bookingprovidertags:r",
		Columns: columns("active, type, tagName, createdOn"),
	},
	{
		Name: "bookings", List: crm + "bookings", Export: crm + "export/bookings",
		Filter: modified, Sort: byID, IDs: true, Inactive: Deleted, Scope: "tn.crm.bookings:r",
		Columns: columns("active, name, status, priority, starts_on timestamptz = start, jobId, businessUnitId, campaignId, source, " +
			"external_id text = externalId, createdOn"),
	},
	{
		Name: "contact_methods", List: crm + "contacts/contact-methods",
		Filter: modified, Sort: byID, Key: TextID, Scope: "tn.crm.contacts:r",
		Columns: columns("active, type, contact_id text = contactId, value, createdOn"),
	},
	{
		Name: "contact_preference_definitions", List: crm + "contacts/preferences",
		Shape: Array, Unpaged: true, Key: TextID, Scope: "tn.crm.contacts:r",
		Columns: columns("active, name, dataType"),
	},
	{
		Name: "contacts", List: crm + "contacts",
		Filter: modified, Sort: byID, Key: TextID, Scope: "tn.crm.contacts:r",
		Columns: columns("active, name, title, createdOn"),
	},
	// An edit of a contact does not change the customer's modifiedOn.
	{
		Name: "customer_contacts", List: crm + "customers/contacts", Export: crm + "export/customers/contacts",
		Filter: modifiedRequired, Inactive: Deleted, Scope: "tn.crm.customers:r",
		Columns: columns("active, type, customerId, value, createdOn"),
	},
	fieldTypes("customer_custom_field_types", crm+"customers/custom-fields", "tn.crm.customers:r"),
	{
		Name: "leads", List: crm + "leads", Export: crm + "export/leads",
		Filter: modified, Sort: byID, IDs: true, Inactive: Deleted, Scope: "tn.crm.leads:r",
		Columns: columns("active, status, priority, customerId, locationId, businessUnitId, campaignId, bookingId, callReasonId, " +
			"followUpDate, createdOn"),
	},
	{
		Name: "location_contacts", List: crm + "locations/contacts", Export: crm + "export/locations/contacts",
		Filter: modifiedRequired, Inactive: Deleted, Scope: "tn.crm.locations:r",
		Columns: columns("active, type, locationId, value, createdOn"),
	},
	fieldTypes("location_custom_field_types", crm+"locations/custom-fields", "tn.crm.locations:r"),
	{
		Name: "locations", List: crm + "locations", Export: crm + "export/locations",
		States: anyState, Filter: modified, Sort: byID, IDs: true, Scope: "tn.crm.locations:r",
		Columns: columns("active, name, customerId, mergedToId, zoneId, taxZoneId, createdOn"),
	},
	{
		Name: "technician_ratings", List: customerInteractions + "technician-ratings", Export: customerInteractions + "export/technician-ratings",
		States: anyState, Filter: modified, Key: TextID, KeyFields: []string{"technicianId", "jobId"}, Scope: "tn.csi.technicianrating:r",
		Columns: columns("active, jobId, technicianId, rating numeric, createdOn"),
	},
	{
		Name: "call_reasons", List: jobBooking + "call-reasons",
		States: anyState, Filter: modified, Sort: byID, Scope: "tn.jbce.callreasons:r",
		Columns: columns("active, name, isLead, createdOn"),
	},
}
