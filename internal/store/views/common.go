package views

// Columns that several views have.

// record is the end of the list of columns of a view of records: its times, and the record itself.
func record(columns ...Column) []Column {
	return append(columns,
		Column{"created_on", Time, "createdOn", "When the record was created."},
		Column{"modified_on", Time, "modifiedOn", "When the record was last changed; NULL if ServiceTitan does not say."},
		Column{"full_data", Document, "", "The record as received, for fields without a column."},
	)
}

// person is the end of the list of columns of a view of people. The record has pay rates and
// addresses, so the view does not show it.
func person(columns ...Column) []Column {
	all := record(columns...)
	return all[:len(all)-1]
}

// changed is the time by which rows of elements are found that changed.
func changed(of string) Column {
	return Column{"modified_on", Time, "modifiedOn", "When " + of + " was last changed."}
}

func address() []Column {
	return []Column{
		{"street", Text, "address.street", "Street and house number."},
		{"unit", Text, "address.unit", "Apartment or suite."},
		{"city", Text, "address.city", "City."},
		{"state", Text, "address.state", "State or province."},
		{"zip", Text, "address.zip", "Postal code."},
		{"country", Text, "address.country", "Country."},
	}
}

var (
	id           = Column{"id", Bigint, "id", "Id of the record."}
	name         = Column{"name", Text, "name", "Name."}
	active       = Column{"active", Boolean, "active", "false if the record was deactivated."}
	status       = Column{"status", Text, "status", "Status, in ServiceTitan's words."}
	priority     = Column{"priority", Text, "priority", "Low, Normal, High or Urgent."}
	tags         = Column{"tag_type_ids", IDs, "tagTypeIds", "Ids of the tags, see tag_types."}
	customFields = Column{"custom_fields", CustomFields, "customFields", "Custom fields: custom_fields ->> 'Filter size'. Of equal names one remains."}
	syncStatus   = Column{"sync_status", Text, "syncStatus", "Status of the export to the accounting system."}

	customerID = Column{"customer_id", Customer, "customerId", "The customer; of a merged one, the customer that remains."}
	locationID = Column{"location_id", Location, "locationId", "The location; of a merged one, the location that remains."}
	projectID  = Column{"project_id", Bigint, "projectId", "The project."}
	jobID      = Column{"job_id", Bigint, "jobId", "The job."}
	unitID     = Column{"business_unit_id", Bigint, "businessUnitId", "The business unit."}
	campaignID = Column{"campaign_id", Bigint, "campaignId", "The campaign that the work came from."}
)

// at returns a column with another path, for a field that another entity nests.
func (c Column) at(path string) Column {
	c.Path = path
	return c
}
