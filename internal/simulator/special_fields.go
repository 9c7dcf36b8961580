package simulator

// What the fields of a few entities have that no others do.

// canceled is a status that says what others say with active=false.
func (x *recordWriter) canceled(name string) {
	if x.record.Inactive {
		x.text(name, "Canceled")
		return
	}
	x.text(name, x.now.pick([]string{"Pending", "Sent", "PartiallyReceived", "Received"}))
}

// membership is the status of a membership: beside active=false, it says of one that
// was deleted that it was.
func (x *recordWriter) membership(name string) {
	if x.record.Inactive {
		x.text(name, "Deleted")
		return
	}
	x.text(name, x.now.pick([]string{"Active", "Suspended", "Expired", "Canceled"}))
}

// landedCost is documented to be None or ByValue, and has been seen as 0.
func (x *recordWriter) landedCost(name string) {
	if x.now.chance(100) {
		x.int(name, 0)
		return
	}
	x.text(name, x.now.pick([]string{"None", "ByValue"}))
}

// history is what happened to a job.
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

// categories are objects on services, though ids on materials and equipment.
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

// Payroll settings have no id. Now and then one employee has settings as a
// technician and others as an employee.
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

// Calls are flat in the export, which is telecom v2, and nested in the list,
// which is telecom v3; the list's rows themselves have no modifiedOn.

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

// exceptions are the prices that one client has.
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
