package simulator

import "strconv"

// The numbers behind an estimate's status are not documented; these are a guess.
var estimateStatuses = []string{"Open", "Sold", "Dismissed"}

// writeEstimate writes a record of sales/v2 estimates. The status is an object, and there is no
// total.
func writeEstimate(p *jsonWriter, w *world, r *record) {
	k := w.kind("estimates")
	traits, now := w.random(k, r.Ordinal, forTraits), w.random(k, r.Ordinal, forVersion+uint64(r.Version))
	c := w.person(w.refer("customers", traits))
	job := w.id(w.kind("jobs"), w.refer("jobs", traits))
	unit := traits.IntN(len(units))
	lines := invoiceLines(traits)
	subtotal := int64(0)
	for _, l := range lines {
		subtotal += l.price * l.quantity
	}
	status := now.IntN(len(estimateStatuses))

	p.int("id", r.id)
	if traits.chance(950) {
		p.int("jobId", job)
	} else {
		p.null("jobId")
	}
	p.null("projectId")
	p.int("locationId", c.locationID())
	p.int("customerId", c.id)
	p.text("name", "Replace: "+skus[lines[0].sku].name)
	p.text("jobNumber", strconv.FormatInt(job, 10))
	p.object("status", func() {
		p.int("value", int64(status))
		p.text("name", estimateStatuses[status])
	})
	p.text("reviewStatus", now.pick([]string{"None", "NeedsApproval", "Approved", "NotApproved"}))
	p.text("summary", now.pick(complaints))
	p.time("createdOn", r.Created)
	p.time("modifiedOn", r.Modified)
	if status == 1 {
		p.time("soldOn", r.Modified)
		p.int("soldBy", technicianID(now.IntN(len(technicians))))
	} else {
		p.null("soldOn", "soldBy")
	}
	p.flag("active", !r.Inactive)
	p.array("items", func() {
		for _, l := range lines {
			p.element(func() { writeEstimateItem(p, r, l) })
		}
	})
	p.array("externalLinks", func() {})
	p.number("subtotal", subtotal)
	p.number("tax", subtotal*8/100)
	p.int("businessUnitId", unitID(unit))
	p.text("businessUnitName", units[unit])
	p.flag("isRecommended", now.chance(300))
	p.null("budgetCodeId")
	p.flag("isChangeOrder", now.chance(20))
	if traits.chance(400) {
		p.text("proposalTagName", traits.pick(proposals))
	} else {
		p.null("proposalTagName")
	}
	p.null("depositAmount", "depositPercent", "requireDepositOnSignature")
}

func writeEstimateItem(p *jsonWriter, r *record, l line) {
	sku := skus[l.sku]
	p.int("id", l.id)
	p.object("sku", func() {
		p.int("id", 20_417+int64(l.sku))
		p.text("name", sku.code)
		p.text("displayName", sku.name)
		p.text("type", sku.group)
		p.number("soldHours", 600)
		p.int("generalLedgerAccountId", 412)
		p.text("generalLedgerAccountName", "Service revenue")
		p.time("modifiedOn", foundedTime)
	})
	p.text("skuAccount", "Service revenue")
	p.text("description", "<p>"+sku.name+", installed</p>")
	p.null("membershipTypeId")
	p.number("qty", l.quantity*100)
	p.number("unitRate", l.price)
	p.number("total", l.price*l.quantity)
	p.number("unitCost", l.cost)
	p.number("totalCost", l.cost*l.quantity)
	p.text("itemGroupName", "")
	p.null("itemGroupRootId")
	p.time("createdOn", r.Created)
	p.time("modifiedOn", r.Modified)
	p.null("chargeable", "invoiceItemId", "budgetCodeId")
}
