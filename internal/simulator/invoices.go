package simulator

import "strconv"

// writeInvoice writes a record of accounting/v2 invoices. Amounts are strings.
func writeInvoice(p *jsonWriter, w *world, r *record) {
	k := w.kind("invoices")
	traits, now := w.random(k, r.Ordinal, forTraits), w.random(k, r.Ordinal, forVersion+uint64(r.Version))
	c := w.person(w.refer("customers", traits))
	job := w.id(w.kind("jobs"), w.refer("jobs", traits))
	unit, technician := traits.IntN(len(units)), traits.IntN(len(technicians))
	lines := invoiceLines(traits)
	subTotal := int64(0)
	for _, l := range lines {
		subTotal += l.price * l.quantity
	}
	tax := subTotal * 8 / 100
	paid := now.chance(600)

	p.int("id", r.id)
	p.flag("active", !r.Inactive)
	p.text("syncStatus", now.pick(syncStatuses))
	p.text("summary", now.pick(complaints))
	p.text("referenceNumber", strconv.FormatInt(job, 10))
	p.date("invoiceDate", r.Created)
	p.date("dueDate", r.Created)
	p.money("subTotal", subTotal)
	p.money("salesTax", tax)
	p.object("salesTaxCode", func() {
		p.int("id", 77)
		p.text("name", "County")
		p.number("taxRate", 8)
	})
	p.maybeInt("taxZoneId", 12, traits.chance(300))
	p.money("total", subTotal+tax)
	if paid {
		p.money("balance", 0)
	} else {
		p.money("balance", subTotal+tax)
	}
	p.money("discountTotal", 0)
	p.null("invoiceType")
	p.named("customer", c.id, c.name)
	p.object("customerAddress", func() { c.address(p) })
	p.named("location", c.locationID(), c.name)
	p.object("locationAddress", func() { c.address(p) })
	p.named("businessUnit", unitID(unit), units[unit])
	p.text("termName", "Due Upon Receipt")
	p.text("createdBy", traits.pick(logins))
	p.object("batch", func() {
		p.int("id", 55_900+traits.Int64N(90))
		p.text("number", strconv.Itoa(1200+traits.IntN(90)))
		p.text("name", "Week "+strconv.Itoa(1+traits.IntN(52)))
	})
	p.null("depositedOn")
	p.time("createdOn", r.Created)
	if r.Dateless {
		p.null("modifiedOn")
	} else {
		p.time("modifiedOn", r.Modified)
	}
	p.null("adjustmentToId")
	p.object("job", func() {
		p.int("id", job)
		p.text("number", strconv.FormatInt(job, 10))
		p.text("type", traits.pick(jobTypes))
	})
	p.null("projectId")
	p.object("royalty", func() {
		p.text("status", "Pending")
		p.null("date", "sentOn", "memo")
	})
	p.object("employeeInfo", func() {
		p.int("id", technicianID(technician))
		p.text("name", technicians[technician])
		p.time("modifiedOn", r.Modified)
	})
	p.null("commissionEligibilityDate")
	p.text("sentStatus", now.pick([]string{"NotSent", "Sent", "Opened"}))
	p.text("reviewStatus", now.pick([]string{"NeedsReview", "OnHold", "Reviewed", "ReadyForBilling"}))
	p.null("assignedTo", "importId", "exportId", "materialSkuId", "membershipId")
	if paid {
		p.time("paidOn", r.Modified)
	} else {
		p.null("paidOn")
	}
	p.text("invoiceConfiguration", "JobInvoice")
	p.null("budgetCodeId")
	p.array("customFields", func() {
		if now.chance(200) {
			p.element(func() { // unlike elsewhere without a typeId
				p.text("name", "Filed under")
				p.text("value", now.pick(familyNames))
			})
		}
	})
	p.array("items", func() {
		for i, l := range lines {
			p.element(func() { writeInvoiceItem(p, r, l, i, unit, technician) })
		}
	})
}

type line struct {
	id, price, cost, quantity int64
	sku                       int
}

func invoiceLines(d random) []line {
	lines := make([]line, 1+d.IntN(2))
	for i := range lines {
		price := 2_500 + d.Int64N(90_000)
		lines[i] = line{id: d.id(), price: price, cost: price / 3, quantity: 1 + d.Int64N(3), sku: d.IntN(len(skus))}
	}
	return lines
}

func writeInvoiceItem(p *jsonWriter, r *record, l line, i, unit, technician int) {
	sku := skus[l.sku]
	p.int("id", l.id)
	p.text("description", "<p>"+sku.name+"</p>")
	p.money("quantity", l.quantity*100)
	p.money("cost", l.cost)
	p.money("totalCost", l.cost*l.quantity)
	p.null("budgetCodeId", "inventoryLocationId", "inventoryLocation")
	p.money("price", l.price)
	p.text("type", sku.group)
	p.text("skuName", sku.code)
	p.int("skuId", 20_417+int64(l.sku))
	p.money("total", l.price*l.quantity)
	p.flag("inventory", sku.group == "Material")
	p.flag("taxable", true)
	p.flag("isChargeable", true)
	p.object("generalLedgerAccount", func() {
		p.int("id", 412)
		p.text("name", "Service revenue")
		p.text("number", "4100")
		p.text("type", "Income")
		p.text("detailType", "Income")
	})
	p.null("costOfSaleAccount", "assetAccount")
	p.int("membershipTypeId", 0)
	p.null("itemGroup")
	p.text("displayName", sku.name)
	p.number("soldHours", 50)
	p.time("createdOn", r.Created)
	p.time("modifiedOn", r.Modified)
	p.date("serviceDate", r.Created)
	p.int("order", int64(i+1))
	p.named("businessUnit", unitID(unit), units[unit])
	p.int("createdById", technicianID(technician))
	p.flag("displayInAmount", true)
	p.null("importId", "exportId", "inventoryStatus")
	p.flag("addOn", false)
	p.money("memberPrice", l.price*85/100)
	p.int("technicianId", technicianID(technician))
	p.null("installedEquipmentId", "estimateItemId")
}
