package simulator

const (
	apBill = "purchaseOrderId? syncStatus:Pending|Posted|Exported status:Unreconciled|Reconciled|Canceled source:Standalone|PurchaseOrder " +
		"referenceNumber vendorNumber summary billDate:date billAmount:money taxAmount:money shippingAmount:money landedCostMethod:landedCost " +
		"createdBy:text createdOn modifiedOn dueDate? batch? businessUnit? vendor? items customFields jobId? jobNumber?"
	inventoryBill = "purchaseOrderId? syncStatus:Pending|Posted|Exported referenceNumber vendorNumber summary billDate:date billAmount:money " +
		"taxAmount:money shippingAmount:money landedCostMethod:landedCost createdBy:text createdOn modifiedOn dueDate? batch? businessUnit? " +
		"vendor? items customFields jobId? jobNumber?"
)

func accounting() []*kind {
	return module("accounting/v2",
		customFieldTypes("ap_bill_custom_field_types", "ap-bills/custom-fields", "tn.acc.apbills:r"),
		&kind{name: "ap_bills", list: "ap-bills", scope: "tn.acc.apbills:r", ids: true, dateless: 50, fields: apBill},
		customFieldTypes("ap_credit_custom_field_types", "ap-credits/custom-fields", "tn.acc.apcredits:r"),
		&kind{name: "ap_credits", list: "ap-credits", scope: "tn.acc.apcredits:r", ids: true, sorts: byTime,
			fields: "jobId? active createdOn modifiedOn date number referenceNumber? memo? amount:money status:Unreconciled|Canceled " +
				syncStatus + " batch? businessUnit? vendor? splits:none customFields"},
		customFieldTypes("ap_payment_custom_field_types", "ap-payments/custom-fields", "tn.acc.appayments:r"),
		&kind{name: "ap_payments", list: "ap-payments", scope: "tn.acc.appayments:r", ids: true, sorts: byTime,
			fields: "active createdOn modifiedOn date method:AccountingSystem|ServiceTitan name amount:money status:Unpaid|Initiated|Paid|InTransit " +
				syncStatus + " batch? businessUnit? vendor? splits:none customFields"},
		&kind{name: "bank_deposits", list: "bank-deposits", scope: "tn.acc.bankdeposits:r", ids: true, sorts: byTime, dateless: 50,
			fields: "name depositStatus:Open|Deposited " + syncStatus + " batch? createdOn createdBy:text modifiedOn active depositDate? grossAmount netAmount fees:number"},
		customFieldTypes("credit_memo_custom_field_types", "credit-memos/custom-fields", "tn.acc.creditmemos:r"),
		&kind{name: "credit_memo_items", list: "credit-memos/credit-memo-items", scope: "tn.acc.creditmemos:r", states: active, filter: byCreation, sorts: byTime,
			fields: "active description quantity cost price type:Service|Material|Equipment skuName:text skuId total taxable:flag createdOn createdBy:text businessUnit? creditMemoId"},
		&kind{name: "credit_memos", list: "credit-memos", scope: "tn.acc.creditmemos:r", states: active, ids: true, sorts: byTime,
			fields: "date:day referenceNumber subTotal salesTax total balance appliedTo:none customer? customerAddress:address location? businessUnit? " +
				syncStatus + " batch? customFields createdOn createdBy:text modifiedOn active"},
		&kind{name: "gl_account_types", list: "gl-accounts/types", scope: "tn.acc.glaccounts:r", states: active, ids: true, sorts: byTime,
			fields: "parentTypeId? name active createdOn modifiedOn"},
		&kind{name: "gl_accounts", list: "gl-accounts", scope: "tn.acc.glaccounts:r", states: active, ids: true, sorts: byTime,
			fields: "name number description:text? type:Income|Expense|Asset|Liability subtype:text? active isIntacctGroup:flag source:AccountingSystem|ManuallyCreated|PublicApi createdOn modifiedOn"},
		customFieldTypes("inventory_bill_custom_field_types", "inventory-bills/custom-fields", "tn.acc.inventorybills:r"),
		&kind{name: "inventory_bills", list: "inventory-bills/paginated", export: "export/inventory-bills", scope: "tn.acc.inventorybills:r", ids: true, dateless: 50,
			fields: inventoryBill + " +active"},
		&kind{name: "inventory_bills_unpaged", list: "inventory-bills", scope: "tn.acc.inventorybills:r", shape: bare, ids: true, dateless: 50, fields: inventoryBill},
		customFieldTypes("invoice_custom_field_types", "invoices/custom-fields", "tn.acc.invoices:r"),
		&kind{name: "invoice_items", export: "export/invoice-items", scope: "tn.acc.invoiceitems:r",
			fields: "description quantity:money cost:money totalCost:money price:money type:Service|Material|Equipment|PriceModifier skuName:text skuId total:money " +
				"inventory:flag taxable:flag membershipTypeId displayName createdOn modifiedOn serviceDate? order:int businessUnit? createdById memberPrice:money technicianId? active invoiceId"},
		&kind{name: "invoices", singular: "invoice", core: true, list: "invoices", export: "export/invoices", scope: "tn.acc.invoices:r", states: activeState, ids: true,
			sorts: byTime, firstID: 390_300_000, inactive: 10, dateless: 5, write: writeInvoice},
		&kind{name: "journal_entries", list: "journal-entries", scope: "tn.acc.journalentries:r", ids: true, sorts: byTime, maxPage: 500, key: []string{"id"},
			fields: "id:guid createdOn modifiedOn number:int name source:ServiceTitan|External status:Open|Closed syncStatus:NotSynced|InProgress|Synced|OutOfSync|Error " +
				"versionId:int postDate:local exportedOn? customFields isEmpty:flag"},
		customFieldTypes("payment_custom_field_types", "payments/custom-fields", "tn.acc.payments:r"),
		&kind{name: "payment_terms", list: "payment-terms", scope: "tn.acc.paymentterms:r", ids: true, sorts: []string{"Id", "Name", "CreatedOn"},
			fields: "name dueDayType:NumberOfDays|CertainDayOfCurrentMonth dueDay:int isCustomerDefault:flag isVendorDefault:flag active inUse:flag? modifiedOn createdOn"},
		&kind{name: "payment_types", list: "payment-types", scope: "tn.acc.paymenttypes:r", states: active, filter: byCreation, ids: true, fields: "name modifiedOn createdOn"},
		&kind{name: "payments", list: "payments", export: "export/payments", scope: "tn.acc.payments:r", states: activeState, ids: true, sorts: byTime,
			fields: "active appliedTo? authCode:text? batch? businessUnit? checkNumber? createdBy:text? createdOn customer? customFields:untypedFields? date? deposit:named? " +
				"generalLedgerAccount:ledger? memo? modifiedOn referenceNumber? refundedPaymentId? syncStatus:Pending|Posted|Exported? total:money? type:Check|Cash|Visa? typeId:digits? unappliedAmount:money?"},
		&kind{name: "remittance_vendors", list: "remittance-vendors", scope: "tn.acc.remittancevendors:r", states: active, ids: true, sorts: byTime,
			fields: "name active customerId:digits? isApproved:flag isVerified:flag address createdOn modifiedOn"},
		&kind{name: "tax_zones", list: "tax-zones", scope: "tn.acc.taxzones:r", states: active, ids: true, sorts: []string{"Id", "Name", "CreatedOn"},
			fields: "name color:int isTaxRateSeparated:flag isMultipleTaxZone:flag rates:none createdOn modifiedOn active"},
	)
}
