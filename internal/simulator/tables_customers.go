package simulator

func customerRelations() []*kind {
	const contact = contactType + " value:phone memo:text? phoneSettings preferences? modifiedOn createdOn "
	return module("crm/v2",
		&kind{name: "booking_provider_tags", list: "booking-provider-tags", scope: "tn.crm.bookingprovidertags:r", ids: true, sorts: byTime,
			fields: "tagName:text description:text type:V1Api|V2Api createdOn modifiedOn active"},
		&kind{name: "bookings", list: "bookings", export: "export/bookings", scope: "tn.crm.bookings:r", ids: true, sorts: byTime,
			fields: "source:text createdOn name address customerType:Residential|Commercial start campaignId? businessUnitId? status:New|Converted|Dismissed|Accepted " +
				"jobId? externalId:digits " + priority + " jobTypeId? bookingProviderId modifiedOn summary? +active"},
		&kind{name: "contact_methods", list: "contacts/contact-methods", scope: "tn.crm.contacts:r", sorts: byTime, key: []string{"id"},
			fields: "id:guid referenceId:digits? " + contactType + " value:phone memo:text? createdOn createdBy:user modifiedOn modifiedBy:user"},
		&kind{name: "contact_preference_definitions", list: "contacts/preferences", scope: "tn.crm.contacts:r", shape: bare, filter: noWindow, key: []string{"id"},
			fields: "id:guid name description:text? dataType:Boolean|Text"},
		&kind{name: "contacts", list: "contacts", scope: "tn.crm.contacts:r", sorts: byTime, key: []string{"id"},
			fields: "id:guid referenceId:digits? name? title:Owner|Tenant|Manager? isArchived:flag createdOn createdBy:user modifiedOn modifiedBy:user"},
		&kind{name: "customer_contacts", list: "customers/contacts", export: "export/customers/contacts", scope: "tn.crm.customers:r",
			requiresOneOf: [][]string{{"modifiedOnOrAfter", "modifiedBefore", "customerIds"}}, filterByReference: reference{"customerIds", "customerId"}, fields: contact + "customerId +active"},
		customFieldTypes("customer_custom_field_types", "customers/custom-fields", "tn.crm.customers:r"),
		&kind{name: "customers", core: true, list: "customers", export: "export/customers", scope: "tn.crm.customers:r", states: active, ids: true,
			sorts: byTime, firstID: 48_200_000, inactive: 20, mayBeMerged: true, write: writeCustomer},
		&kind{name: "leads", list: "leads", export: "export/leads", scope: "tn.crm.leads:r", ids: true, sorts: byTime,
			fields: "status:Open|Dismissed|Converted " + priority + " customerId? locationId? businessUnitId? jobTypeId? campaignId followUpDate:time? createdById " +
				"createdOn modifiedOn tagTypeIds dismissingReasonId? summary? callId? bookingId? callReasonId? +active"},
		&kind{name: "location_contacts", list: "locations/contacts", export: "export/locations/contacts", scope: "tn.crm.locations:r",
			requiresOneOf:     [][]string{{"modifiedOnOrAfter", "modifiedBefore", "createdOnOrAfter", "createdBefore", "locationIds"}},
			filterByReference: reference{"locationIds", "locationId"}, fields: contact + "locationId +active"},
		customFieldTypes("location_custom_field_types", "locations/custom-fields", "tn.crm.locations:r"),
		&kind{name: "locations", list: "locations", export: "export/locations", scope: "tn.crm.locations:r", states: active, ids: true, sorts: byTime, mayBeMerged: true,
			idOf:   func(w *world, ordinal int) int64 { return w.person(ordinal).locationID() },
			fields: "customerId active name address:site customFields createdOn createdById modifiedOn mergedToId zoneId? taxExempt:flag tagTypeIds externalData taxZoneId?"},
	)
}

func customerInteractions() []*kind {
	return module("customer-interactions/v2",
		&kind{name: "technician_ratings", list: "technician-ratings", export: "export/technician-ratings", scope: "tn.csi.technicianrating:r", states: active, sorts: byTime,
			key: []string{"technicianId", "jobId"}, fields: "technicianId jobId:self rating:number active createdOn modifiedOn"},
	)
}

func marketing() []*kind {
	return module("marketing/v2",
		&kind{name: "campaign_categories", list: "categories", scope: "tn.mrk.categories:r", sorts: []string{"Id", "CreatedOn", "Name"},
			fields: "name active type:Regular|GoogleHomeServices createdOn modifiedOn"},
		&kind{name: "campaign_costs", list: "costs", scope: "tn.mrk.costs:r", filter: noWindow, sorts: []string{"Id", "Date"},
			fields: "year:int month:int dailyCost campaignId"},
		&kind{name: "campaigns", list: "campaigns", scope: "tn.mrk.campaigns:r", states: active, ids: true, sorts: []string{"Id", "Name", "CreatedOn", "ModifiedOn"},
			fields: "name modifiedOn createdOn active isDefaultCampaign:flag? category:named? source:text? businessUnit:text? medium:text? campaignPhoneNumbers:strings"},
	)
}

func marketingAds() []*kind {
	return module("marketingads/v2",
		&kind{name: "attributed_leads", list: "attributed-leads", scope: "tn.mads.attributedleads:r", filter: byUTC, requiresOneOf: [][]string{{"fromUtc"}, {"toUtc"}},
			key: []string{"dateTime"}, fields: "dateTime:created leadType:int attribution:object job? customer? call:object? booking:object?"},
		&kind{name: "capacity_warnings", list: "capacity-warnings", scope: "tn.mads.capacitywarnings:r", shape: tenantEnvelope, filter: noWindow,
			key:    []string{"campaignName", "warningType"},
			fields: "campaignName:own !warningType:LowCapacity|HighCapacity businessUnits:strings lookaheadWindow:int thresholdValue:int"},
		&kind{name: "performance", list: "performance", scope: "tn.mads.performance:r", filter: noWindow,
			requiresOneOf: [][]string{{"fromUtc"}, {"toUtc"}, {"performanceSegmentationType"}},
			key:           []string{"campaign.id"}, fields: "campaign:campaign adGroup:null keyword:null digitalStats:object leadStats:object returnOnInvestment:number?"},
	)
}

func marketingReputation() []*kind {
	return module("marketingreputation/v2",
		&kind{name: "reviews", list: "reviews", scope: "tn.mrep.reviews:r", sorts: byTime, key: []string{"review", "platform", "address"},
			fields: "address:street !platform:Google|Facebook|Yelp authorName:text? review:phrase reviewType:int reviewResponse:text? publishDate:time rating:number? " +
				"verificationStatus:flag jobId? businessUnitId? customerName:text? customerId? jobStatus:int technicianId? createdOn modifiedOn"},
	)
}

func sales() []*kind {
	return module("sales/v2",
		&kind{name: "estimate_items", list: "estimates/items", scope: "tn.sal.estimates:r", states: active, ids: true, sorts: byTime,
			fields: "sku:named skuAccount:text description membershipTypeId? qty:number unitRate:number total unitCost totalCost itemGroupName:text createdOn modifiedOn chargeable:flag? invoiceItemId?"},
		&kind{name: "estimate_templates", list: "estimate-templates", scope: "tn.sal.estimatetemplates:r", states: active, filter: byModified,
			fields: "name internalName:text summary? mode:Dynamic|Static active businessUnitId? totalCost totalPrice createdOn modifiedOn items"},
		&kind{name: "estimates", core: true, list: "estimates", export: "export/estimates", legacy: "estimates/export", scope: "tn.sal.estimates:r", states: active, ids: true,
			sorts: byTime, firstID: 590_300_000, inactive: 20, write: writeEstimate},
		&kind{name: "proposal_templates", list: "proposal-templates", scope: "tn.sal.proposaltemplates:r", states: active, filter: byModified,
			fields: "name description? active status:Publish|Draft proposalTypeId proposalTypeName:text? businessUnitIds estimateAssignments:none createdOn modifiedOn"},
		&kind{name: "proposal_types", list: "proposal-types", scope: "tn.sal.proposaltypes:r", shape: dataUnpaged, states: active, filter: noWindow,
			fields: "name type:Progressive|Additive active isSystemDefault:flag isDefault:flag options:none"},
	)
}

func schedulingPro() []*kind {
	return module("schedulingpro/v2",
		&kind{name: "schedulers", list: "schedulers", scope: "tn.sp.schedulers:r", key: []string{"id"},
			fields: "id:code name companyName:text createdOn modifiedOn schedulerStatus:Live|Draft isDefault:flag mode:Call_Center|Standard"},
	)
}

func serviceAgreements() []*kind {
	return module("service-agreements/v2",
		&kind{name: "service_agreements", list: "service-agreements", export: "export/service-agreements", scope: "tn.sa.serviceagreements:r", ids: true,
			sorts: []string{"Id", "Name", "CreatedOn", "ModifiedOn", "StartDate", "EndDate"},
			fields: "name createdOn createdById modifiedOn customerId businessUnitId status:Draft|Sent|Rejected|Accepted|Activated|Canceled locationIds summary? autoRenew:flag " +
				"startDate:day? endDate:day? totalAgreementPrice? tagTypeIds customFields +active"},
	)
}
