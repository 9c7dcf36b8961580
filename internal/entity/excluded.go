package entity

// Exclusion is something that ServiceTitan's API shows and that is not synced.
type Exclusion struct {
	Name    string
	Reason  string
	Instead string // the entity that has the same records, "" where there is none
}

// Why something is not synced.
const (
	perParent     = "its path names a parent record: reading it takes a call for each"
	noKey         = "nothing in a record says which one it is"
	singleObject  = "one object of settings, not a table"
	byPost        = "it is requested by POST, for a time in the future"
	aggregated    = "figures summed up for a period that the caller chooses"
	lookup        = "it returns the reason of jobs whose ids are in the request"
	customReports = "reports have columns of their own and one may be run once a minute"
	sameRecords   = "another entity has the same records"
)

// Excluded lists what the API has beside the catalogue, with the reason.
var Excluded = []Exclusion{
	{"arrival_window_configuration", singleObject, ""},
	{"attributed_leads", noKey, ""},
	{"bank_deposit_transactions", perParent, ""},
	{"booking_contacts", perParent, ""},
	{"booking_provider_booking_contacts", perParent, ""},
	{"booking_provider_bookings", perParent, "bookings"},
	{"business_hours", singleObject, ""},
	{"call_recording", "a sound file for each call", ""},
	{"campaign_cost_summary", aggregated, ""},
	{"campaign_costs_by_campaign", perParent, "campaign_costs"},
	{"capacity", byPost, ""},
	{"contact_method_preferences", perParent, ""},
	{"contact_methods_by_contact", perParent, "contact_methods"},
	{"contact_relationships", perParent, ""},
	{"contacts_by_relationship", perParent, "contacts"},
	{"credit_memo_items_by_memo", perParent, "credit_memo_items"},
	{"customer_contacts_by_customer", perParent, "customer_contacts"},
	{"customer_notes", perParent, ""},
	{"dynamic_value_set_items", customReports, ""},
	{"email_channel_cost", aggregated, ""},
	{"employee_payrolls", perParent, "payrolls"},
	{"estimate_status_changes", perParent, ""},
	{"inventory_bills_unpaged", sameRecords, "inventory_bills"},
	{"invoice_tasks", perParent, ""},
	{"job_attachments", perParent, ""},
	{"job_booked_log", perParent, ""},
	{"job_cancel_reasons_lookup", lookup, "job_cancel_reasons"},
	{"job_equipment", perParent, ""},
	{"job_history_by_job", perParent, "job_history"},
	{"job_hold_reasons_lookup", lookup, "job_hold_reasons"},
	{"job_splits_by_job", perParent, "job_splits"},
	{"job_timesheets_by_job", perParent, "job_timesheets"},
	{"journal_entry_details", perParent, ""},
	{"journal_entry_summaries", perParent, ""},
	{"lead_notes", perParent, ""},
	{"location_contacts_by_location", perParent, "location_contacts"},
	{"location_finding_attachments", perParent, ""},
	{"location_notes", perParent, ""},
	{"location_preferred_technicians", perParent, ""},
	{"membership_type_discounts", perParent, ""},
	{"membership_type_duration_billing_items", perParent, ""},
	{"membership_type_recurring_service_items", perParent, ""},
	{"performance", aggregated, ""},
	{"project_budget_codes", perParent, ""},
	{"report_data", customReports, ""},
	{"reports", customReports, ""},
	{"reviews", noKey, ""},
	{"router_performance", perParent, ""},
	{"router_sessions", perParent, ""},
	{"scheduler_performance", perParent, ""},
	{"scheduler_sessions", perParent, ""},
	{"task_management_data", singleObject, ""},
	{"technician_payrolls", perParent, "payrolls"},
	{"technician_tracking", "a link to a map, for one technician on one appointment", ""},
	{"wbs_project_segment_item_children", perParent, ""},
	{"wbs_project_segment_items", perParent, ""},
	{"wbs_project_segments", perParent, ""},
	{"wbs_segment_item_children", perParent, ""},
	{"wbs_segment_items", perParent, ""},
}
