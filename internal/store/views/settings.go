package views

// settings has the company: its units, people and tags.
var settings = []View{
	{
		Name: "business_units", Entity: "business_units", Doc: "Business units.",
		Columns: record(id, name, active),
	},
	{
		Name: "technicians", Entity: "technicians", Doc: "Technicians, without pay rates and private addresses.",
		Columns: person(
			id,
			Column{"user_id", Bigint, "userId", "Id of the user."},
			name,
			Column{"status", Text, "status", "Idle, Dispatched, Working or Meal, at the last change."},
			unitID,
			Column{"team", Text, "team", "Team."},
			Column{"license_type", Text, "licenseType", "ManagedTech, NonManagedTech or ManagedInstaller."},
			Column{"email", Text, "email", "E-mail address."},
			Column{"phone_number", Text, "phoneNumber", "Telephone number."},
			Column{"main_zone_id", Bigint, "mainZoneId", "Zone of dispatch."},
			active, customFields,
		),
	},
	{
		Name: "employees", Entity: "employees", Doc: "Employees of the office, without pay rates and private addresses.",
		Columns: person(
			id,
			Column{"user_id", Bigint, "userId", "Id of the user."},
			name, unitID,
			Column{"email", Text, "email", "E-mail address."},
			Column{"phone_number", Text, "phoneNumber", "Telephone number."},
			active,
		),
	},
	{
		Name: "tag_types", Entity: "tag_types", Doc: "Tags.",
		Columns: record(id, name, Column{"code", Text, "code", "Code."}, active),
	},
}
