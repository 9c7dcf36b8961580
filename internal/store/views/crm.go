package views

import "slices"

// crm has customers, their locations and contacts, and what may become a job.
var crm = []View{
	{
		Name: "customers", Entity: "customers", Doc: "Customers, including deactivated and merged ones.",
		Columns: record(slices.Concat([]Column{id, name, {"type", Text, "type", "Residential or Commercial."}, active}, address(), []Column{
			{"balance", Numeric, "balance", "What the customer owes; negative for a credit."},
			{"credit_limit", Numeric, "creditLimit", "Credit limit."},
			{"payment_term_id", Bigint, "paymentTermId", "Payment term."},
			{"tax_exempt", Boolean, "taxExempt", "Whether no tax is charged."},
			{"do_not_mail", Boolean, "doNotMail", "Whether the customer refuses mail."},
			{"do_not_service", Boolean, "doNotService", "Whether the customer is not served."},
			{"national_account", Boolean, "nationalAccount", "Whether it is a national account."},
			{"merged_to_id", Merged, "mergedToId", "The customer that remains after all merges; NULL if this one was not merged."},
			tags, customFields,
		})...),
	},
	{
		Name: "customer_contacts", Entity: "customer_contacts", Doc: "Telephone numbers and e-mail addresses of customers.",
		Columns: record(
			id, customerID,
			Column{"type", Text, "type", "Phone, MobilePhone, Fax or Email."},
			Column{"value", Text, "value", "The number or the address."},
			Column{"memo", Text, "memo", "Remark."},
			Column{"do_not_text", Boolean, "phoneSettings.doNotText", "Whether the customer refuses text messages."},
		),
	},
	{
		Name: "locations", Entity: "locations", Doc: "Places of work, including deactivated and merged ones.",
		Columns: record(slices.Concat([]Column{id, customerID, name, active}, address(), []Column{
			{"zone_id", Bigint, "zoneId", "Zone of dispatch."},
			{"tax_zone_id", Bigint, "taxZoneId", "Tax zone."},
			{"tax_exempt", Boolean, "taxExempt", "Whether no tax is charged."},
			{"merged_to_id", Merged, "mergedToId", "The location that remains after all merges; NULL if this one was not merged."},
			tags, customFields,
		})...),
	},
	{
		Name: "location_contacts", Entity: "location_contacts", Doc: "Telephone numbers and e-mail addresses of locations.",
		Columns: record(
			id, locationID,
			Column{"type", Text, "type", "Kind of contact."},
			Column{"value", Text, "value", "The number or the address."},
		),
	},
	{
		Name: "leads", Entity: "leads", Doc: "Leads: calls and requests to follow up.",
		Columns: record(
			id, status, priority, customerID, locationID, unitID, campaignID,
			Column{"booking_id", Bigint, "bookingId", "The booking that it came from."},
			Column{"call_reason_id", Bigint, "callReasonId", "Reason of the call."},
			Column{"follow_up_on", Time, "followUpDate", "When to follow up."},
		),
	},
	{
		Name: "bookings", Entity: "bookings", Doc: "Bookings that came in from a web site or another provider.",
		Columns: record(
			id, name, status, priority,
			Column{"starts_on", Time, "start", "The wanted time."},
			jobID, unitID, campaignID,
			Column{"source", Text, "source", "The provider."},
			Column{"external_id", Text, "externalId", "Id at the provider."},
		),
	},
	{
		Name: "campaigns", Entity: "campaigns", Doc: "Marketing campaigns.",
		Columns: record(id, name, active),
	},
}
