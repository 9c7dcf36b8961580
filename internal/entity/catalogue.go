package entity

import "slices"

// Catalogue lists every entity that can be synced, in the order of display: the four core
// entities, then those of each module. Excluded lists the other resources of ServiceTitan.
var Catalogue = slices.Concat(core, accountingEntities, crmEntities, dispatchEntities, fieldEntities, inventoryEntities,
	jpmEntities, marketingEntities, membershipEntities, payrollEntities, pricebookEntities, salesEntities, settingsEntities)

// Values that several entities share.
var (
	anyState      = QueryParam{"active", "Any"}
	allStates     = QueryParam{"activeState", "All"}
	notActiveOnly = QueryParam{"activeOnly", "false"}
	withInactive  = QueryParam{"includeInactive", "true"}

	modified         = Filter{From: "modifiedOnOrAfter", Before: "modifiedBefore"}
	modifiedRequired = Filter{From: "modifiedOnOrAfter", Before: "modifiedBefore", Required: true}
	created          = Filter{From: "createdOnOrAfter", Before: "createdBefore"}
	submitted        = Filter{From: "submittedOnOrAfter", Before: "submittedBefore"}
)

const byID = "+Id"

// Path prefixes of the modules.
const (
	accounting           = "/accounting/v2/tenant/{tenant}/"
	crm                  = "/crm/v2/tenant/{tenant}/"
	customerInteractions = "/customer-interactions/v2/tenant/{tenant}/"
	dispatch             = "/dispatch/v2/tenant/{tenant}/"
	equipmentSystems     = "/equipmentsystems/v2/tenant/{tenant}/"
	findings             = "/findings/v2/tenant/{tenant}/"
	forms                = "/forms/v2/tenant/{tenant}/"
	inventory            = "/inventory/v2/tenant/{tenant}/"
	jobBooking           = "/jbce/v2/tenant/{tenant}/"
	jpm                  = "/jpm/v2/tenant/{tenant}/"
	marketing            = "/marketing/v2/tenant/{tenant}/"
	marketingAds         = "/marketingads/v2/tenant/{tenant}/"
	memberships          = "/memberships/v2/tenant/{tenant}/"
	payroll              = "/payroll/v2/tenant/{tenant}/"
	pricebook            = "/pricebook/v2/tenant/{tenant}/"
	reporting            = "/reporting/v2/tenant/{tenant}/"
	sales                = "/sales/v2/tenant/{tenant}/"
	schedulingPro        = "/schedulingpro/v2/tenant/{tenant}/"
	serviceAgreements    = "/service-agreements/v2/tenant/{tenant}/"
	settings             = "/settings/v2/tenant/{tenant}/"
	taskManagement       = "/taskmanagement/v2/tenant/{tenant}/"
	telecom              = "/telecom/v2/tenant/{tenant}/"
	telecomV3            = "/telecom/v3/tenant/{tenant}/"
	timesheets           = "/timesheets/v2/tenant/{tenant}/"
)

// Find returns the entity with a name.
func Find(name string) (Entity, bool) {
	for _, e := range Catalogue {
		if e.Name == name {
			return e, true
		}
	}
	return Entity{}, false
}

// Names returns the names of all entities in catalogue order.
func Names() []string {
	names := make([]string, len(Catalogue))
	for i, e := range Catalogue {
		names[i] = e.Name
	}
	return names
}

// WebhookEntities returns the names of the entities to sync for each event type of a
// webhook. The keys are as in Entity.Webhooks.
func WebhookEntities() map[string][]string {
	byType := map[string][]string{}
	for _, e := range Catalogue {
		for _, eventType := range e.Webhooks {
			byType[eventType] = append(byType[eventType], e.Name)
		}
	}
	return byType
}

// fieldTypes returns an entity for definitions of custom fields, whose lists are all alike.
func fieldTypes(name, list, scope string) Entity {
	return Entity{
		Name: name, List: list, Filter: modified, Scope: scope,
		Columns: columns("active, name, dataType, createdOn"),
	}
}
