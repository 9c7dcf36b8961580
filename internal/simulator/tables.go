package simulator

// kinds is everything that is simulated: whatever has an export feed, and every
// list that needs no parent. What one call answers with a single object, what
// needs POST, and binaries are not.
func kinds() []*kind {
	var all []*kind
	for _, module := range [][]*kind{
		accounting(), customerRelations(), customerInteractions(), dispatch(), equipmentSystems(), findings(), formsModule(), inventory(), jobBooking(),
		jobPlanning(), marketing(), marketingAds(), marketingReputation(), memberships(), payroll(), pricebook(), reporting(), sales(), schedulingPro(),
		serviceAgreements(), settings(), taskManagement(), telecom(), timesheets(),
	} {
		all = append(all, module...)
	}
	return all
}

// customFieldTypes are the definitions of an entity's custom fields.
func customFieldTypes(name, list, scope string) *kind {
	return &kind{name: name, list: list, scope: scope, sorts: byTime, fields: customFields}
}
