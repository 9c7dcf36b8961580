package entity

// inventoryEntities are the entities of the module Inventory.
var inventoryEntities = []Entity{
	{
		Name: "adjustments", List: inventory + "adjustments", Export: inventory + "export/adjustments",
		States: anyState, Filter: modified, Sort: byID, IDs: true, Scope: "tn.inv.adjustments:r",
		Columns: columns("active, number, referenceNumber, type, syncStatus, date, projectId, invoiceId, businessUnitId, createdOn"),
	},
	{
		Name: "inventory_templates", List: inventory + "inventory-templates",
		States: anyState, Filter: modified, IDs: true, Scope: "tn.inv.inventorytemplates:r",
		Columns: columns("active, name, type, createdOn"),
	},
	{
		Name: "purchase_order_markups", List: inventory + "purchase-order-markups",
		Filter: modified, Sort: byID, IDs: true, Scope: "tn.inv.purchaseordermarkups:r",
		Columns: columns("active, from_amount numeric = from, to_amount numeric = to, percent numeric, createdOn"),
	},
	{
		Name: "purchase_order_requests", List: inventory + "purchase-orders/requests",
		Filter: modified, Sort: byID, IDs: true, Scope: "tn.inv.purchaseorders:r",
		Columns: columns("active, total, tax, date, jobId, projectId, invoiceId, technicianId, businessUnitId, vendorId, requestNumber, " +
			"requestStatus, createdOn"),
	},
	{
		Name: "purchase_order_types", List: inventory + "purchase-order-types",
		States: anyState, Filter: modified, Sort: byID, Scope: "tn.inv.purchaseordertypes:r",
		Columns: columns("active, name, createdOn"),
	},
	{
		Name: "purchase_orders", List: inventory + "purchase-orders", Export: inventory + "export/purchase-orders",
		Filter: modified, Sort: byID, IDs: true, Scope: "tn.inv.purchaseorders:r",
		Columns: columns("active, number, status, total, tax, date, jobId, projectId, invoiceId, technicianId, businessUnitId, vendorId, " +
			"createdOn"),
	},
	{
		Name: "receipts", List: inventory + "receipts",
		States: anyState, Filter: modified, Sort: byID, IDs: true, Scope: "tn.inv.receipts:r",
		Columns: columns("active, number, syncStatus, jobId, technicianId, businessUnitId, vendorId, receiptAmount, purchaseOrderId, " +
			"createdOn"),
	},
	{
		Name: "return_types", List: inventory + "return-types",
		States: notActiveOnly, Filter: modified, Scope: "tn.inv.returntypes:r",
		Columns: columns("active, name, createdOn"),
	},
	{
		Name: "returns", List: inventory + "returns", Export: inventory + "export/returns",
		States: anyState, Filter: modified, Sort: byID, IDs: true, Scope: "tn.inv.returns:r",
		Columns: columns("active, number, referenceNumber, status, syncStatus, jobId, projectId, businessUnitId, vendorId, returnAmount, " +
			"purchaseOrderId, createdOn"),
	},
	{
		Name: "transfers", List: inventory + "transfers", Export: inventory + "export/transfers",
		Filter: modified, Sort: byID, IDs: true, Scope: "tn.inv.transfers:r",
		Columns: columns("active, number, referenceNumber, status, syncStatus, date, jobId, invoiceId, fromLocationId, toLocationId, " +
			"createdOn"),
	},
	{
		Name: "trucks", List: inventory + "trucks",
		States: anyState, Filter: modified, Sort: byID, IDs: true, Scope: "tn.inv.trucks:r",
		Columns: columns("active, name, createdOn"),
	},
	fieldTypes("vendor_custom_field_types", inventory+"vendors/custom-fields", "tn.inv.vendors:r"),
	{
		Name: "vendors", List: inventory + "vendors",
		States: anyState, Filter: modified, Sort: byID, IDs: true, Scope: "tn.inv.vendors:r",
		Columns: columns("active, name, createdOn"),
	},
	{
		Name: "warehouses", List: inventory + "warehouses",
		States: anyState, Filter: modified, Sort: byID, IDs: true, Scope: "tn.inv.warehouses:r",
		Columns: columns("active, name, createdOn"),
	},
}
