package simulator

import (
	"strconv"
	"time"
)

// writeJob writes a record of jpm/v2 jobs. The field active is the last one, because the list
// returns all fields before it.
func writeJob(p *jsonWriter, w *world, r *record) {
	k := w.kind("jobs")
	traits, now := w.random(k, r.Ordinal, forTraits), w.random(k, r.Ordinal, forVersion+uint64(r.Version))
	c := w.person(w.refer("customers", traits))
	visit := traits.id()
	invoice := w.id(w.kind("invoices"), w.refer("invoices", traits))
	estimate := w.id(w.kind("estimates"), w.refer("estimates", traits))
	status := now.pick(jobStatuses)

	p.int("id", r.id)
	p.text("jobNumber", strconv.FormatInt(r.id, 10))
	p.maybeInt("projectId", traits.id(), traits.chance(100))
	p.int("customerId", c.id)
	p.int("locationId", c.locationID())
	p.text("jobStatus", status)
	if status == "Completed" {
		p.time("completedOn", r.Modified-ticks(time.Minute/100)*ticks(1+now.Int64N(9)))
	} else {
		p.null("completedOn")
	}
	p.int("businessUnitId", unitID(traits.IntN(len(units))))
	p.int("jobTypeId", 7714+traits.Int64N(6))
	p.text("priority", now.pick(priorities))
	p.int("campaignId", 640+traits.Int64N(20))
	p.int("appointmentCount", 1)
	p.int("firstAppointmentId", visit)
	p.int("lastAppointmentId", visit)
	p.maybeInt("recallForId", traits.id(), traits.chance(5))
	p.maybeInt("warrantyId", traits.id(), traits.chance(5))
	p.null("jobGeneratedLeadSource")
	p.flag("noCharge", now.chance(30))
	p.flag("notificationsEnabled", now.chance(900))
	p.time("createdOn", r.Created)
	p.int("createdById", 3305+traits.Int64N(6))
	p.time("modifiedOn", r.Modified)
	p.ints("tagTypeIds", tags(now)...)
	p.maybeInt("leadCallId", traits.id(), traits.chance(600))
	p.null("partnerLeadCallId")
	p.maybeInt("bookingId", traits.id(), traits.chance(200))
	p.maybeInt("soldById", technicianID(now.IntN(len(technicians))), now.chance(400))
	p.text("customerPo", "")
	p.int("invoiceId", invoice)
	p.maybeInt("membershipId", traits.id(), traits.chance(150))
	p.number("total", jobTotal(now))
	p.null("createdFromEstimateId")
	p.ints("estimateIds", estimate)
	p.ints("equipmentIds")
	p.flag("isAutoDispatched", now.chance(100))
	p.text("summary", now.pick(complaints))
	p.null("summaryOfWork")
	p.array("customFields", func() {
		if now.chance(300) {
			p.customField(1204, "Filter size", "16x25x1")
		}
	})
	p.array("externalData", func() {})
	r.list = len(p.buf)
	p.flag("active", !r.Inactive)
}

// jobTotal returns a total, which is 0 for many jobs. Zero differs from null, unknown.
func jobTotal(d random) int64 {
	if d.chance(400) {
		return 0
	}
	return 4_900 + d.Int64N(2_000_000)
}

// maybeInt writes the value, or null if there is none.
func (p *jsonWriter) maybeInt(name string, value int64, there bool) {
	if there {
		p.int(name, value)
	} else {
		p.null(name)
	}
}
