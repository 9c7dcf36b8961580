package entity

// fieldEntities are equipment and forms at a location.
var fieldEntities = []Entity{
	{
		Name: "equipment_types", List: equipmentSystems + "equipment-types",
		States: anyState, Filter: modified, Sort: "+ID", IDs: true, Scope: "tn.eqs.equipmenttypes:r",
		Columns: columns("active, name, createdOn"),
	},
	{
		Name: "installed_equipment", List: equipmentSystems + "installed-equipment", Export: equipmentSystems + "export/installed-equipment",
		States: anyState, Filter: modified, Sort: byID, IDs: true, Scope: "tn.eqs.installedequipment:r",
		Columns: columns("active, name, type text = type.name, status, cost, customerId, locationId, installedOn, serialNumber, createdOn"),
	},
	{
		Name: "installed_equipment_custom_field_types", List: equipmentSystems + "installed-equipment/custom-field-types",
		Totals: TotalNever, Filter: modified, Scope: "tn.eqs.installedequipment:r",
		Columns: columns("active, name"),
	},
	{
		Name: "location_findings", List: findings + "location-findings",
		States: anyState, Filter: modified, Sort: "+ID", IDs: true, Scope: "tn.fdgs.locationfindings:r",
		Columns: columns("active, name, locationId, urgencyLevel, createdOn"),
	},
	{
		Name: "form_submissions", List: forms + "submissions",
		PageSize: 500, States: anyState, Filter: submitted, Sort: byID, Scope: "tn.frm.submissions:r",
		Columns: columns("active, status, formId, submittedOn"),
	},
	{
		Name: "forms", List: forms + "forms",
		States: anyState, Filter: modified, IDs: true, Scope: "tn.frm.forms:r",
		Columns: columns("active, name, createdOn"),
	},
}
