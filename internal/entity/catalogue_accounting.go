package entity

// accountingEntities are the entities of the module Accounting.
var accountingEntities = []Entity{
	fieldTypes("ap_bill_custom_field_types", accounting+"ap-bills/custom-fields", "tn.acc.apbills:r"),
	{
		Name: "ap_bills", List: accounting + "ap-bills",
		Filter: modified, IDs: true, Scope: "tn.acc.apbills:r",
		Columns: columns("active, jobNumber, referenceNumber, status, syncStatus, dueDate, jobId, businessUnit.id, billAmount, billDate, " +
			"vendor.id, createdOn"),
	},
	fieldTypes("ap_credit_custom_field_types", accounting+"ap-credits/custom-fields", "tn.acc.apcredits:r"),
	{
		Name: "ap_credits", List: accounting + "ap-credits",
		Filter: modified, IDs: true, Scope: "tn.acc.apcredits:r",
		Columns: columns("active, number, referenceNumber, status, syncStatus, amount, date, jobId, businessUnit.id, vendor.id, createdOn"),
	},
	fieldTypes("ap_payment_custom_field_types", accounting+"ap-payments/custom-fields", "tn.acc.appayments:r"),
	{
		Name: "ap_payments", List: accounting + "ap-payments",
		Filter: modified, IDs: true, Scope: "tn.acc.appayments:r",
		Columns: columns("active, name, status, syncStatus, amount, date, businessUnit.id, vendor.id, createdOn"),
	},
	{
		Name: "bank_deposits", List: accounting + "bank-deposits",
		Filter: modified, IDs: true, Scope: "tn.acc.bankdeposits:r",
		Columns: columns("active, name, syncStatus, depositDate, netAmount, createdOn"),
	},
	fieldTypes("credit_memo_custom_field_types", accounting+"credit-memos/custom-fields", "tn.acc.creditmemos:r"),
	{
		Name: "credit_memo_items", List: accounting + "credit-memos/credit-memo-items",
		States: anyState, Filter: created, Scope: "tn.acc.creditmemos:r",
		Columns: columns("active, type, total, cost, price, businessUnit.id, creditMemoId, skuId, quantity numeric, createdOn"),
	},
	{
		Name: "credit_memos", List: accounting + "credit-memos",
		States: anyState, Filter: modified, IDs: true, Scope: "tn.acc.creditmemos:r",
		Columns: columns("active, referenceNumber, syncStatus, total, balance, subTotal, salesTax, date, customer.id, location.id, " +
			"businessUnit.id, createdOn"),
	},
	{
		Name: "gl_account_types", List: accounting + "gl-accounts/types",
		States: anyState, Filter: modified, IDs: true, Scope: "tn.acc.glaccounts:r",
		Columns: columns("active, name, parentTypeId, createdOn"),
	},
	{
		Name: "gl_accounts", List: accounting + "gl-accounts",
		States: anyState, Filter: modified, IDs: true, Scope: "tn.acc.glaccounts:r",
		Columns: columns("active, name, number, type, createdOn"),
	},
	fieldTypes("inventory_bill_custom_field_types", accounting+"inventory-bills/custom-fields", "tn.acc.inventorybills:r"),
	{
		Name: "inventory_bills", List: accounting + "inventory-bills/paginated", Export: accounting + "export/inventory-bills",
		Filter: modified, IDs: true, Inactive: Deleted, Scope: "tn.acc.inventorybills:r",
		Columns: columns("active, jobNumber, referenceNumber, syncStatus, dueDate, jobId, businessUnit.id, billAmount, billDate, " +
			"vendor.id, createdOn"),
	},
	fieldTypes("invoice_custom_field_types", accounting+"invoices/custom-fields", "tn.acc.invoices:r"),
	// The items have no feed of deletions; active=false is stored as it is.
	{
		Name: "invoice_items", Export: accounting + "export/invoice-items",
		Scope: "tn.acc.invoiceitems:r",
		Columns: columns("active, displayName, type, total, cost, price, invoiceId, technicianId, membershipTypeId, businessUnit.id, " +
			"skuId, quantity numeric, totalCost, createdOn"),
	},
	// The id is a GUID. Entries whose id is null are rejected.
	{
		Name: "journal_entries", List: accounting + "journal-entries",
		PageSize: 500, Filter: modified, IDs: true, Key: TextID, Scope: "tn.acc.journalentries:r",
		Columns: columns("active, name, number bigint, status, syncStatus, postDate, createdOn"),
	},
	fieldTypes("payment_custom_field_types", accounting+"payments/custom-fields", "tn.acc.payments:r"),
	// Terms whose id is null are rejected.
	{
		Name: "payment_terms", List: accounting + "payment-terms",
		Filter: modified, Sort: byID, IDs: true, Scope: "tn.acc.paymentterms:r",
		Columns: columns("active, name, createdOn"),
	},
	// The list filters only by creation time. It is short, so it is read whole to see edits.
	{
		Name: "payment_types", List: accounting + "payment-types",
		States: anyState, IDs: true, Scope: "tn.acc.paymenttypes:r",
		Columns: columns("active, name, createdOn"),
	},
	{
		Name: "payments", List: accounting + "payments", Export: accounting + "export/payments",
		States: allStates, Filter: modified, IDs: true, Scope: "tn.acc.payments:r",
		Columns: columns("active, referenceNumber, type, syncStatus, total, date, customer.id, businessUnit.id, createdOn"),
	},
	{
		Name: "remittance_vendors", List: accounting + "remittance-vendors",
		States: anyState, Filter: modified, Sort: byID, IDs: true, Scope: "tn.acc.remittancevendors:r",
		Columns: columns("active, name, customer_id text = customerId, createdOn"),
	},
	{
		Name: "tax_zones", List: accounting + "tax-zones",
		States: anyState, Filter: modified, Sort: byID, IDs: true, Scope: "tn.acc.taxzones:r",
		Columns: columns("active, name, createdOn"),
	},
}
