package simulator

import "strconv"

// Values that are objects or lists.

// strings writes an array of strings.
func (x *recordWriter) strings(name string, values ...string) {
	x.array(name, func() {
		for _, v := range values {
			x.comma()
			x.quoted(v)
		}
	})
}

func (x *recordWriter) ownFields(name string) {
	x.array(name, func() {
		if x.now.chance(300) {
			x.customField(1204, "Filter size", "16x25x1")
		}
	})
}

func (x *recordWriter) lines(name string) {
	x.array(name, func() {
		for _, l := range invoiceLines(x.traits) {
			x.element(func() {
				x.int("id", l.id)
				x.text("skuName", skus[l.sku].code)
				x.number("quantity", l.quantity*100)
				x.number("cost", l.cost)
			})
		}
	})
}

// untypedFields writes the custom fields of payments, which have no typeId.
func (x *recordWriter) untypedFields(name string) {
	x.array(name, func() {
		if x.now.chance(300) {
			x.element(func() {
				x.text("name", "Terminal")
				x.text("value", "Front desk")
			})
		}
	})
}

// site writes an address with coordinates.
func (x *recordWriter) site(name string) {
	x.object(name, func() {
		c := x.person()
		c.address(x.jsonWriter)
		if x.traits.chance(200) {
			x.null("latitude", "longitude")
			return
		}
		x.coordinates()
	})
}

func (x *recordWriter) whereabouts(name string) {
	x.object(name, func() {
		x.coordinates()
		x.time("coordinatesUpdatedOn", x.record.Modified)
	})
}

func (x *recordWriter) coordinates() {
	x.degrees("latitude", 30+x.now.Float64()*15)
	x.degrees("longitude", -120+x.now.Float64()*40)
}

func (x *recordWriter) ledger(name string) {
	x.object(name, func() {
		x.int("id", 120)
		x.text("name", "Undeposited funds")
		x.text("number", "1499")
		x.text("type", "Other Current Asset")
		x.text("detailType", "Other Current Asset")
	})
}

// applied writes the invoice of a payment.
func (x *recordWriter) applied(name string) {
	invoice := x.world.id(x.world.kind("invoices"), x.world.refer("invoices", x.traits))
	x.array(name, func() {
		x.element(func() {
			x.int("appliedId", x.record.id+1)
			x.int("appliedTo", invoice)
			x.text("appliedToReferenceNumber", strconv.FormatInt(invoice, 10))
			x.money("appliedAmount", x.now.Int64N(90_000))
			x.date("appliedOn", x.record.Created)
			x.text("appliedBy", x.traits.pick(logins))
		})
	})
}

func (x *recordWriter) phoneSettings(name string) {
	x.object(name, func() {
		x.text("phoneNumber", "5550100")
		x.flag("doNotText", x.now.chance(200))
	})
}

func (x *recordWriter) preferences(name string) {
	x.object(name, func() {
		for _, what := range []string{"jobRemindersEnabled", "marketingUpdatesEnabled", "invoiceStatementNotification", "invoiceNotification", "statementNotification"} {
			x.flag(what, x.now.chance(500))
		}
	})
}

func (x *recordWriter) skills(name string) {
	x.array(name, func() {
		for _, id := range tags(x.now) {
			x.element(func() {
				x.int("id", id)
				x.text("name", x.now.pick(jobTypes))
			})
		}
	})
}
