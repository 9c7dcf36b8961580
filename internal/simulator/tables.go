package simulator

// kinds returns every simulated entity: those with an export feed, and those with a list that
// needs no parent. Single objects, operations with POST, and binaries are not simulated.
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

// customFieldTypes returns the kind of definitions of an entity's custom fields.
func customFieldTypes(name, list, scope string) *kind {
	return &kind{name: name, list: list, scope: scope, sorts: byTime, fields: customFields}
}
