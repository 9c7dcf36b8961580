package entity

// pricebookEntities are the entities of the module Pricebook.
var pricebookEntities = []Entity{
	{
		Name: "client_specific_pricing", List: pricebook + "clientspecificpricing",
		States: anyState, IDs: true, Scope: "tn.pb.csp:r",
		Columns: columns("active"),
	},
	{
		Name: "material_cost_types", List: pricebook + "materials/costtypes",
		Unpaged: true, Scope: "tn.pb.materials:r",
		Columns: columns("active, name"),
	},
	{
		Name: "materials_markup", List: pricebook + "materialsmarkup",
		Totals: TotalNever, Scope: "tn.pb.materials:r",
		Columns: columns("active, from_amount numeric = from, to_amount numeric = to, percent numeric"),
	},
	{
		Name: "pricebook_categories", List: pricebook + "categories", Export: pricebook + "export/categories",
		States: anyState, Filter: modified, Sort: byID, Scope: "tn.pb.categories:r",
		Columns: columns("active, name, parentId, createdOn"),
	},
	{
		Name: "pricebook_discounts_and_fees", List: pricebook + "discounts-and-fees",
		States: anyState, Filter: modified, Sort: byID, IDs: true, Scope: "tn.pb.discountsandfees:r",
		Columns: columns("active, code, displayName, type, amount, createdOn"),
	},
	{
		Name: "pricebook_equipment", List: pricebook + "equipment", Export: pricebook + "export/equipment",
		States: anyState, Filter: modified, Sort: byID, IDs: true, Scope: "tn.pb.equipment:r",
		Columns: columns("active, code, displayName, cost, price, createdOn"),
	},
	{
		Name: "pricebook_materials", List: pricebook + "materials", Export: pricebook + "export/materials",
		States: anyState, Filter: modified, Sort: byID, IDs: true, Scope: "tn.pb.materials:r",
		Columns: columns("active, code, displayName, cost, price, businessUnitId, createdOn"),
	},
	{
		Name: "pricebook_services", List: pricebook + "services", Export: pricebook + "export/services",
		States: anyState, Filter: modified, Sort: byID, IDs: true, ListDiffers: true, Scope: "tn.pb.services:r",
		Columns: columns("active, code, displayName, cost, price, businessUnitId, createdOn"),
	},
}
