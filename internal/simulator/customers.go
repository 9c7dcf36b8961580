package simulator

import "strconv"

// writeCustomer writes a record of crm/v2 customers.
func writeCustomer(p *jsonWriter, w *world, r *record) {
	c := w.person(r.Ordinal)
	now := w.random(w.kind("customers"), r.Ordinal, forVersion+uint64(r.Version))
	p.int("id", r.id)
	p.flag("active", !r.Inactive)
	p.text("name", c.name)
	p.text("type", customerType(c))
	p.object("address", func() {
		c.address(p)
		if now.chance(100) {
			p.null("latitude", "longitude")
			return
		}
		p.degrees("latitude", 30+now.Float64()*15)
		p.degrees("longitude", -120+now.Float64()*40)
	})
	p.array("customFields", func() {
		if now.chance(400) {
			p.customField(1187, "Gate code", strconv.Itoa(1000+now.IntN(9000)))
		}
	})
	p.number("balance", balance(now))
	p.flag("taxExempt", c.business && now.chance(300))
	p.ints("tagTypeIds", tags(now)...)
	p.flag("doNotMail", now.chance(50))
	p.flag("doNotService", now.chance(10))
	p.flag("nationalAccount", c.business && now.chance(100))
	p.time("createdOn", r.Created)
	p.int("createdById", 3305+now.Int64N(6))
	p.time("modifiedOn", r.Modified)
	if r.MergedTo == 0 {
		p.null("mergedToId")
	} else {
		p.int("mergedToId", r.MergedTo)
	}
	p.null("paymentTermId")
	if c.business {
		p.number("creditLimit", 500_000)
		p.number("creditLimitBalance", 500_000-now.Int64N(400_000))
	} else {
		p.null("creditLimit", "creditLimitBalance")
	}
	p.array("externalData", func() {})
}

func customerType(c person) string {
	if c.business {
		return "Commercial"
	}
	return "Residential"
}

// balance returns a balance: mostly zero, sometimes owed, rarely a credit.
func balance(d random) int64 {
	switch {
	case d.chance(700):
		return 0
	case d.chance(50):
		return -d.Int64N(20_000)
	default:
		return d.Int64N(1_500_000)
	}
}

func tags(d random) []int64 {
	all := []int64{310, 512, 518, 640, 777}
	n := d.IntN(3)
	first := d.IntN(len(all) - n)
	return all[first : first+n]
}

func (p *jsonWriter) customField(typeID int64, name, value string) {
	p.element(func() {
		p.int("typeId", typeID)
		p.text("name", name)
		p.text("value", value)
	})
}
