package simulator

// Fields with a form that only few entities have.

// canceled writes a status whose value Canceled corresponds to active=false.
func (x *recordWriter) canceled(name string) {
	if x.record.Inactive {
		x.text(name, "Canceled")
		return
	}
	x.text(name, x.now.pick([]string{"Pending", "Sent", "PartiallyReceived", "Received"}))
}

// membership writes the status of a membership, which is Deleted for a deleted one.
func (x *recordWriter) membership(name string) {
	if x.record.Inactive {
		x.text(name, "Deleted")
		return
	}
	x.text(name, x.now.pick([]string{"Active", "Suspended", "Expired", "Canceled"}))
}

// landedCost writes None or ByValue, as documented, or 0, as observed.
func (x *recordWriter) landedCost(name string) {
	if x.now.chance(100) {
		x.int(name, 0)
		return
	}
	x.text(name, x.now.pick([]string{"None", "ByValue"}))
}

// history writes the history of a job.
func (x *recordWriter) history(name string) {
	x.array(name, func() {
		for i := range 1 + x.record.Version + x.traits.IntN(3) {
			x.element(func() {
				x.int("id", x.record.id*10+int64(i))
				x.int("employeeId", 3305)
				x.text("eventType", []string{"Job Booked", "Job Scheduled", "Technician Dispatched", "Job Completed"}[i%4])
				x.time("date", x.record.Created+ticks(i)*ticksPerSecond)
				x.text("usedSchedulingTool", "Manual")
			})
		}
	})
}

// categories writes objects for services, and ids for materials and equipment.
func (x *recordWriter) categories(name string) {
	x.array(name, func() {
		for _, id := range tags(x.now) {
			x.element(func() {
				x.int("id", id)
				x.text("name", x.traits.pick(units))
				x.flag("active", true)
			})
		}
	})
}

// Payroll settings have no id. One of sharedEvery employees has two settings, as a technician
// and as an employee.
const sharedEvery = 10

func (x *recordWriter) secondSide() bool { return x.record.Ordinal%sharedEvery == sharedEvery-1 }

func (x *recordWriter) shared(name string) {
	ordinal := x.record.Ordinal
	if x.secondSide() {
		ordinal--
	}
	x.int(name, x.world.id(x.kind, ordinal))
}

func (x *recordWriter) side(name string) {
	if x.secondSide() {
		x.text(name, "Employee")
		return
	}
	x.text(name, "Technician")
}

// Calls are flat in the export (telecom v2) and nested in the list (telecom v3), whose records
// have no modifiedOn.

func writeCall(p *jsonWriter, w *world, r *record) {
	x := w.call(p, r)
	p.int("id", r.id)
	x.callDetails("type")
	p.null("job", "lead", "location")
	p.flag("active", !r.Inactive)
}

func writeListedCall(p *jsonWriter, w *world, r *record) {
	x := w.call(p, r)
	p.int("id", r.id)
	p.text("jobNumber", "")
	p.int("projectId", 0)
	x.field(field{name: "businessUnit", form: "unit", nullable: true}, false)
	p.null("type")
	p.object("leadCall", func() {
		p.int("id", r.id)
		p.flag("active", !r.Inactive)
		x.callDetails("callType")
	})
}

func (w *world) call(p *jsonWriter, r *record) *recordWriter {
	k := w.kind("calls")
	return &recordWriter{p, w, k, r, w.random(k, r.Ordinal, forTraits), w.random(k, r.Ordinal, forVersion+uint64(r.Version))}
}

func (x *recordWriter) callDetails(typeField string) {
	x.time("createdOn", x.record.Created)
	x.time("modifiedOn", x.record.Modified)
	for _, f := range readFields("duration:clock from:phone to:phone !direction:Inbound|Outbound customer:customer? " +
		typeField + ":Abandoned|Unbooked|Excused|Booked|NotLead?") {
		x.field(f, false)
	}
}

// exceptions writes the special prices of a client.
func (x *recordWriter) exceptions(name string) {
	x.array(name, func() {
		for range 1 + x.traits.IntN(3) {
			x.element(func() {
				x.int("skuId", x.traits.id())
				x.number("value", x.now.Int64N(10_000))
				x.text("valueType", "Percent")
			})
		}
	})
}
