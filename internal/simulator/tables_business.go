package simulator

// Kinds of inventory, memberships, payroll, price book, settings and timesheets.

// skuSorts are the fields that the lists of the price book can be sorted by.
var skuSorts = []string{
	"Id", "Code", "DisplayName", "CreatedOn", "ModifiedOn", "Price", "MemberPrice", "AddOnPrice", "AddOnMemberPrice", "MaterialsCost", "PrimaryVendor", "Cost", "Manufacturer", "Priority",
}

func inventory() []*kind {
	return module("inventory/v2",
		&kind{name: "adjustments", list: "adjustments", export: "export/adjustments", scope: "tn.inv.adjustments:r", states: active, ids: true, sorts: byTime,
			fields: "active number referenceNumber type:text inventoryLocationId businessUnitId? projectId? invoiceId? memo:text date createdOn modifiedOn " + syncStatus + " externalData items customFields"},
		&kind{name: "inventory_templates", list: "inventory-templates", scope: "tn.inv.inventorytemplates:r", states: active, ids: true, sorts: byTime,
			fields: "name active type:Truck|Warehouse createdOn modifiedOn isConsignment:flag locationIds items"},
		&kind{name: "purchase_order_markups", list: "purchase-order-markups", scope: "tn.inv.purchaseordermarkups:r", ids: true, sorts: []string{"Id", "From", "To", "Percent"},
			fields: "createdOn modifiedOn from to percent id:self"},
		&kind{name: "purchase_order_requests", list: "purchase-orders/requests", scope: "tn.inv.purchaseorders:r", ids: true, sorts: byTime,
			fields: "requestNumber requestStatus:Pending|Approved|Rejected invoiceId? jobId? projectId? typeId vendorId technicianId? businessUnitId? date requiredOn? createdOn modifiedOn " +
				"total tax shipping:number summary? items"},
		&kind{name: "purchase_order_types", list: "purchase-order-types", scope: "tn.inv.purchaseordertypes:r", states: active, sorts: byTime,
			fields: "name active automaticallyReceive:flag displayToTechnician:flag landedCostMethod:None|ByValue createdOn modifiedOn"},
		&kind{name: "purchase_orders", list: "purchase-orders", export: "export/purchase-orders", scope: "tn.inv.purchaseorders:r", ids: true, sorts: byTime, inactive: 30,
			fields: "number invoiceId? jobId? projectId? status:canceled typeId vendorId technicianId? businessUnitId? date requiredOn? sentOn? createdOn modifiedOn total tax shipping:number summary items customFields"},
		&kind{name: "receipts", list: "receipts", scope: "tn.inv.receipts:r", states: active, ids: true, sorts: byTime,
			fields: "active number vendorInvoiceNumber memo:text purchaseOrderId jobId? businessUnitId? vendorId technicianId? receiptAmount taxAmount receivedOn? createdOn modifiedOn " + syncStatus + " items"},
		&kind{name: "return_types", list: "return-types", scope: "tn.inv.returntypes:r", states: activeOnly, sorts: byTime,
			fields: "name? automaticallyReceiveVendorCredit:flag includeInSalesTax:flag active isDefault:flag createdOn modifiedOn"},
		&kind{name: "returns", list: "returns", export: "export/returns", scope: "tn.inv.returns:r", states: active, ids: true, sorts: byTime,
			fields: "active number referenceNumber status:Pending|Returned|CreditReceived|Canceled returnTypeId vendorId purchaseOrderId? jobId? projectId? businessUnitId memo:text returnAmount taxAmount " +
				"returnDate returnedOn? createdOn modifiedOn " + syncStatus + " items customFields externalData"},
		&kind{name: "transfers", list: "transfers", export: "export/transfers", scope: "tn.inv.transfers:r", ids: true, sorts: byTime,
			fields: "transferType:text status:Pending|Picked|Received number referenceNumber fromLocationId toLocationId memo:text date pickedDate:time? createdOn modifiedOn " + syncStatus +
				" jobId? invoiceId? active items customFields"},
		&kind{name: "trucks", list: "trucks", scope: "tn.inv.trucks:r", states: active, ids: true, sorts: byTime, fields: "name active memo:text warehouseId? technicianIds createdOn modifiedOn externalData"},
		customFieldTypes("vendor_custom_field_types", "vendors/custom-fields", "tn.inv.vendors:r"),
		&kind{name: "vendors", list: "vendors", scope: "tn.inv.vendors:r", states: active, ids: true, sorts: byTime,
			fields: "name active isTruckReplenishment:flag memo:text deliveryOption:text defaultTaxRate contactInfo:object address createdOn modifiedOn externalData customFields"},
		&kind{name: "warehouses", list: "warehouses", scope: "tn.inv.warehouses:r", states: active, ids: true, sorts: byTime, fields: "name active address createdOn modifiedOn externalData"},
	)
}

func memberships() []*kind {
	const recurrence = "recurrenceType:Weekly|Monthly|Seasonal|Daily recurrenceInterval:int durationType:Continuous|NumberOfVisits durationLength:int businessUnitId? jobTypeId? campaignId? "
	return module("memberships/v2",
		&kind{name: "customer_memberships", list: "memberships", export: "export/memberships", scope: "tn.mem.memberships:r", states: active, ids: true, sorts: byTime,
			fields: "createdOn createdById modifiedOn followUpOn from:time? to:time? billingFrequency:OneTime|Monthly|Quarterly|Annual status:membership " +
				"active initialDeferredRevenue:number businessUnitId customerId membershipTypeId locationId? memo:text? customFields"},
		&kind{name: "invoice_templates", list: "invoice-templates", export: "export/invoice-templates", scope: "tn.mem.invoicetemplates:r", filter: noWindow, ids: true,
			requiresOneOf: [][]string{{"ids"}}, fields: "name? createdOn createdById modifiedOn active total isSettingsTemplate:flag items"},
		customFieldTypes("membership_custom_field_types", "memberships/custom-fields", "tn.mem.memberships:r"),
		&kind{name: "membership_status_changes", export: "export/membership-status-changes", scope: "tn.mem.memberships:r",
			fields: "oldStatus:Active|Suspended|Expired newStatus:Active|Canceled|Deleted note:text? createdOn createdById? +membershipId"},
		&kind{name: "membership_types", list: "membership-types", export: "export/membership-types", scope: "tn.mem.membershiptypes:r", states: active, ids: true, sorts: byTime,
			fields: "name displayName? active discountMode:Basic|Units|Categories locationTarget:AllLocations|SingleLocation createdOn createdById modifiedOn discount:number tagTypeIds"},
		&kind{name: "recurring_service_events", list: "recurring-service-events", export: "export/recurring-service-events", scope: "tn.mem.recurringserviceevents:r", ids: true, sorts: byTime,
			fields: "locationRecurringServiceId locationRecurringServiceName:text? membershipId? status:NotAttempted|Unreachable|Contacted|Won|Dismissed date createdOn jobId? createdById modifiedOn +active"},
		&kind{name: "recurring_service_types", list: "recurring-service-types", export: "export/recurring-service-types", scope: "tn.mem.recurringservicetypes:r", states: active, ids: true,
			sorts: []string{"Id", "Name", "CreatedOn", "ModifiedOn"}, fields: "createdOn createdById modifiedOn active " + recurrence + priority + " name?"},
		&kind{name: "recurring_services", list: "recurring-services", export: "export/recurring-services", scope: "tn.mem.recurringservices:r", states: active, ids: true, sorts: byTime,
			fields: "name active createdOn createdById modifiedOn membershipId? locationId recurringServiceTypeId from:time? to:time? memo:text? " + recurrence + priority},
	)
}

func payroll() []*kind {
	return module("payroll/v2",
		&kind{name: "activity_codes", list: "activity-codes", export: "export/activity-codes", scope: "tn.prl.activitycodes:r", states: active, sorts: byTime,
			fields: "name code:digits earningCategory:Timesheet|Commission|Reimbursement createdOn modifiedOn isDiscretionary:flag active"},
		&kind{name: "gross_pay_items", list: "gross-pay-items", export: "export/gross-pay-items", scope: "tn.prl.grosspayitems:r", sorts: byTime,
			fields: employee + " payrollId date amount grossPayItemType:InvoiceRelatedBonus|TimesheetTime|CustomBonus|Salary paidDurationHours:number? jobId jobNumber? projectId? invoiceId? activityCodeId? " +
				"customerId? locationId? memo:text? createdOn modifiedOn +active"},
		&kind{name: "job_splits", list: "jobs/splits", export: "export/jobs/splits", scope: "tn.prl.jobs:r", states: active, sorts: byTime,
			fields: "jobId technicianId split:number createdOn modifiedOn +active"},
		&kind{name: "job_timesheets", list: "jobs/timesheets", export: "export/jobs/timesheets", scope: "tn.prl.jobs:r", states: active, sorts: byTime,
			fields: "jobId appointmentId technicianId dispatchedOn? arrivedOn? canceledOn? doneOn? createdOn modifiedOn active"},
		&kind{name: "location_labor_rates", list: "locations/rates", scope: "tn.prl.locations:r", states: active, filter: byCreation, sorts: []string{"Location", "CreatedOn"},
			key: []string{"locationId", "laborTypeCode"}, fields: "locationId:place hourlyRate laborTypeName:text laborTypeCode:laborType createdOn active"},
		&kind{name: "non_job_timesheets", list: "non-job-timesheets", scope: "tn.prl.nonjobtimesheets:r", states: active, sorts: byTime,
			fields: employee + " timesheetCodeId startedOn endedOn? createdOn modifiedOn active"},
		&kind{name: "payroll_adjustments", list: "payroll-adjustments", export: "export/payroll-adjustments", scope: "tn.prl.payrolladjustments:r", states: active, sorts: byTime,
			fields: employee + " postedOn amount memo:text? activityCodeId? invoiceId? hours? rate:number? type:Direct|CommissionBased|Labor|Advance createdOn modifiedOn active"},
		&kind{name: "payroll_settings", list: "payroll-settings", export: "export/payroll-settings", scope: "tn.prl.payrollsettings:r", states: active, key: []string{"employeeId", "employeeType"},
			fields: "employeeId:shared employeeType:side externalPayrollId:digits? hourlyRate managerId? isIncludedInPayroll:flag hireDate? createdOn modifiedOn active customFields"},
		&kind{name: "payrolls", list: "payrolls", scope: "tn.prl.payrolls:r", states: active, sorts: byTime,
			fields: "startedOn endedOn " + employee + " status:Pending|Expired|Approved|Paid|Locked burdenRate? createdOn modifiedOn active"},
		&kind{name: "timesheet_codes", list: "timesheet-codes", export: "export/timesheet-codes", scope: "tn.prl.timesheetcodes:r", states: active, sorts: byTime,
			fields: "code:digits description:text? type:Unpaid|Paid|ClockInOut|PaidTimeOff applicableEmployeeType:Technician|Employee|All rateInfo:object createdOn modifiedOn active"},
	)
}

func pricebook() []*kind {
	const sku = "code:digits displayName? description active price memberPrice addOnPrice cost account:text? hours taxable:flag modifiedOn createdOn externalData "
	return module("pricebook/v2",
		&kind{name: "client_specific_pricing", list: "clientspecificpricing", scope: "tn.pb.csp:r", states: active, filter: noWindow, ids: true, fields: "exceptions"},
		&kind{name: "material_cost_types", list: "materials/costtypes", scope: "tn.pb.materials:r", shape: unpaged, filter: noWindow, fields: "name?"},
		&kind{name: "materials_markup", list: "materialsmarkup", scope: "tn.pb.materials:r", filter: noWindow, fields: "from to percent"},
		&kind{name: "pricebook_categories", list: "categories", export: "export/categories", scope: "tn.pb.categories:r", states: active, sorts: []string{"Id", "Name"},
			fields: "name active description? parentId? position:int categoryType:Services|Materials subcategories:categories businessUnitIds hideInMobile:flag createdOn modifiedOn"},
		&kind{name: "pricebook_discounts_and_fees", list: "discounts-and-fees", scope: "tn.pb.discountsandfees:r", states: active, ids: true, sorts: skuSorts,
			fields: "type:Discount|Fee code:digits displayName? description amountType:Percentage|Fixed amount limit:number taxable:flag categories:ids active createdOn modifiedOn"},
		&kind{name: "pricebook_equipment", list: "equipment", export: "export/equipment", scope: "tn.pb.equipment:r", states: active, ids: true, sorts: skuSorts,
			fields: sku + "manufacturer:text? model:text? categories:ids"},
		&kind{name: "pricebook_materials", list: "materials", export: "export/materials", scope: "tn.pb.materials:r", states: active, ids: true, sorts: skuSorts,
			fields: sku + "unitOfMeasure:text? isInventory:flag categories:ids businessUnitId? createdById"},
		&kind{name: "pricebook_services", list: "services", export: "export/services", scope: "tn.pb.services:r", states: active, ids: true, sorts: skuSorts,
			fields: sku + "isLabor:flag? categories:categories businessUnitId? -calculatedPrice? -useStaticPrices:flag?"},
	)
}

func reporting() []*kind {
	return module("reporting/v2",
		&kind{name: "report_categories", list: "report-categories", scope: "tn.rpr.reportcategories:r", filter: noWindow, key: []string{"id"}, fields: "id:code name"},
	)
}

func settings() []*kind {
	return module("settings/v2",
		&kind{name: "business_units", list: "business-units", export: "export/business-units", scope: "tn.stt.businessunits:r", states: active, ids: true,
			idOf:   func(_ *world, ordinal int) int64 { return unitID(ordinal) },
			fields: "active name officialName:text? email:email? currency:text? phoneNumber:phone? defaultTaxRate? address? tagTypeIds createdOn modifiedOn externalData"},
		&kind{name: "employees", list: "employees", export: "export/employees", scope: "tn.stt.employees:r", states: active, ids: true,
			fields: "userId:self name firstName:text? lastName:text? role:Dispatch|Accounting|FieldManager roleIds businessUnitId? createdOn modifiedOn email:email? phoneNumber:phone? " +
				"loginName:text? active home:address? hourlyRate customFields"},
		&kind{name: "intacct_business_unit_mappings", list: "business-units/intacct", scope: "tn.stt.businessunits:r", firstPageIsZero: true, maxPage: 500, filter: noWindow, ids: true,
			requiresOneOf: [][]string{{"includeTotal"}}, fields: "name? active tradeName:text? intacctLocationName:text? intacctLocationId:digits? intacctDepartment:text?"},
		&kind{name: "tag_types", list: "tag-types", export: "export/tag-types", scope: "tn.stt.tagtypes:r", states: active, sorts: byTime,
			fields: "name color:text code:digits importance:Medium|High? isConversionOpportunity:flag active createdOn modifiedOn"},
		&kind{name: "technicians", list: "technicians", export: "export/technicians", scope: "tn.stt.technicians:r", states: active, ids: true,
			idOf: func(_ *world, ordinal int) int64 { return technicianID(ordinal) },
			fields: "userId:self name roleIds? businessUnitId? mainZoneId? zoneIds:ids? createdOn modifiedOn email:email? phoneNumber:phone? loginName:text? home:site? " +
				"dailyGoal:number isManagedTech:flag licenseType:NonManagedTech|ManagedTech|ManagedInstaller? customFields? active aadUserId:text? burdenRate team:text? " +
				"jobFilter:DispatchedWorking|NextScheduledDispatchedWorking? permissions:null accountLocked:flag? commissionRate currentValue:number? firstName:text? lastName:text? " +
				"hourlyRate jobId? mobilePhone:phone? outboundCallerId:phone? payrollId:digits? payrollProfileId? appoitmentId:ref? shiftStart:clock? shiftEnd:clock? soldByRate " +
				"startDate:time? status:Idle|Dispatched|Working|Meal skills? positions? location:whereabouts? bio:html? memo?"},
		&kind{name: "user_roles", list: "user-roles", scope: "tn.stt.userroles:r", states: active, filter: byCreation, ids: true,
			fields: "active name createdOn employeeType:Employee|Technician"},
	)
}

func timesheets() []*kind {
	return module("timesheets/v2",
		&kind{name: "timesheet_activities", singular: "timesheet_activity", list: "activities", export: "export/activities", scope: "tn.tms.activities:r", states: active, sorts: byTime,
			fields: employee + " activityTypeId startTime:time endTime:time? jobId? appointmentId? projectId? projectLabel:text? memo:text? tagTypes:ids active createdOn modifiedOn"},
		&kind{name: "timesheet_activity_categories", list: "activity-categories", export: "export/activity-categories", scope: "tn.tms.activitycategories:r", states: active, sorts: byTime,
			fields: "name type:Other|Idle|Meal|Training allowEdit:flag isDefault:flag createdOn modifiedOn active"},
		&kind{name: "timesheet_activity_types", list: "activity-types", export: "export/activity-types", scope: "tn.tms.activitytypes:r", states: active, sorts: byTime,
			fields: "code:digits categoryId description:text? icon:text businessUnitId? isUsersHomeBusinessUnit:flag visibleToRoles:ids isArchived:flag active createdOn modifiedOn"},
	)
}
