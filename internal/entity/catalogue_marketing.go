package entity

// marketingEntities are campaigns, their costs and online booking.
var marketingEntities = []Entity{
	{
		Name: "campaign_categories", List: marketing + "categories",
		Filter: modified, Sort: byID, Scope: "tn.mrk.categories:r",
		Columns: columns("active, name, type, createdOn"),
	},
	{
		Name: "campaign_costs", List: marketing + "costs",
		Sort: byID, Scope: "tn.mrk.costs:r",
		Columns: columns("active, campaignId, year bigint, month bigint, dailyCost"),
	},
	{
		Name: "campaigns", List: marketing + "campaigns",
		States: anyState, Filter: modified, Sort: byID, IDs: true, Scope: "tn.mrk.campaigns:r",
		Columns: columns("active, name, businessUnit, createdOn"),
	},
	{
		Name: "capacity_warnings", List: marketingAds + "capacity-warnings",
		Shape: Data, Unpaged: true, Key: TextID, KeyFields: []string{"campaignName", "warningType"}, Scope: "tn.mads.capacitywarnings:r",
		Columns: columns("active, campaignName, warningType, threshold_value bigint = thresholdValue"),
	},
	{
		Name: "schedulers", List: schedulingPro + "schedulers",
		Filter: modified, Key: TextID, Scope: "tn.sp.schedulers:r",
		Columns: columns("active, name, createdOn"),
	},
}
