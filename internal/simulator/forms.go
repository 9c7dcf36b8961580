package simulator

import (
	"strconv"
	"strings"
	"time"
)

// writing is the work on one row.
type writing struct {
	*pen
	world  *world
	kind   *kind
	record *record
	traits dice // choices for all the record's life
	now    dice // choices for this version
}

// fields writes the row of a record from its kind's fields: as the export feed
// or as the list shows it.
func (w *world) fields(p *pen, k *kind, r *record, hidden place) {
	x := &writing{p, w, k, r, w.dice(k, r.Ordinal, forTraits), w.dice(k, r.Ordinal, forVersion+uint64(r.Version))}
	if k.key == nil && !hasField(k.form, "id") {
		x.int("id", r.id)
	}
	for _, f := range k.form {
		x.field(f, f.in == hidden)
	}
}

func hasField(fields []field, name string) bool {
	for _, f := range fields {
		if f.name == name {
			return true
		}
	}
	return false
}

// field writes a field. A hidden one is written too, and taken away again: so
// that the choices for the fields behind it stay the same.
func (x *writing) field(f field, hidden bool) {
	before := len(x.buf)
	if f.settled {
		settled := *x
		settled.now = x.traits
		settled.value(f)
	} else {
		x.value(f)
	}
	if hidden {
		x.buf = x.buf[:before]
	}
}

func (x *writing) value(f field) {
	before := len(x.buf)
	if f.form == "choice" {
		x.text(f.name, x.now.pick(f.choices))
	} else {
		forms[f.form](x, f.name)
	}
	if f.nullable && x.traits.chance(250) {
		x.buf = x.buf[:before]
		x.null(f.name)
	}
}

// forms write the value of a field.
var forms = map[string]func(x *writing, name string){
	"choice":   nil, // written from the field's choices
	"none":     func(x *writing, name string) { x.array(name, func() {}) },
	"null":     func(x *writing, name string) { x.null(name) },
	"active":   func(x *writing, name string) { x.flag(name, !x.record.Inactive) },
	"created":  func(x *writing, name string) { x.time(name, x.record.Created) },
	"modified": (*writing).modified,
	"merged":   func(x *writing, name string) { x.maybeInt(name, x.record.MergedTo, x.record.MergedTo != 0) },

	"self": func(x *writing, name string) { x.int(name, x.record.id) },
	"guid": func(x *writing, name string) { x.text(name, x.world.guid(x.kind, x.record.Ordinal)) },
	"code": func(x *writing, name string) {
		x.text(name, strings.Split(x.world.guid(x.kind, x.record.Ordinal), "-")[0]+"_"+strconv.Itoa(x.record.Ordinal))
	},
	"user": func(x *writing, name string) { x.int(name, 3305+x.traits.Int64N(6)) },
	"ref":  (*writing).reference,
	"ids":  func(x *writing, name string) { x.ints(name, tags(x.now)...) },
	"int":  func(x *writing, name string) { x.int(name, x.now.Int64N(60)) },
	"flag": func(x *writing, name string) { x.flag(name, x.now.chance(500)) },

	"number": func(x *writing, name string) { x.number(name, x.now.Int64N(900_000)) },
	"money":  func(x *writing, name string) { x.money(name, x.now.Int64N(900_000)) },
	"digits": func(x *writing, name string) { x.text(name, strconv.FormatInt(x.record.id+x.traits.Int64N(9), 10)) },

	"time": func(x *writing, name string) { x.time(name, x.recently()) },
	"date": func(x *writing, name string) { x.date(name, x.record.Created) },
	"day":  func(x *writing, name string) { x.text(name, x.record.Created.time().Format(time.DateOnly)) },
	"local": func(x *writing, name string) {
		x.text(name, x.record.Created.midnight().time().Format("2006-01-02T15:04:05"))
	},
	"clock": func(x *writing, name string) { x.text(name, strconv.Itoa(10+x.now.IntN(8))+":00:00") },

	"text": (*writing).words,
	"phrase": func(x *writing, name string) {
		x.text(name, x.traits.pick(complaints)+" #"+strconv.Itoa(x.record.Ordinal))
	},
	"html":    func(x *writing, name string) { x.text(name, x.now.pick(complaints)) },
	"email":   func(x *writing, name string) { x.text(name, x.now.pick(logins)+"@example.com") },
	"phone":   func(x *writing, name string) { x.text(name, "555"+strconv.Itoa(1_000_000+x.now.IntN(8_999_999))) },
	"strings": func(x *writing, name string) { x.strings(name, x.now.pick(units)) },

	"named":    func(x *writing, name string) { x.named(name, x.traits.id(), x.traits.pick(familyNames)) },
	"customer": (*writing).customer,
	"unit": func(x *writing, name string) {
		n := x.traits.IntN(len(units))
		x.named(name, unitID(n), units[n])
	},
	"job":           (*writing).job,
	"address":       func(x *writing, name string) { x.object(name, func() { x.person().address(x.pen) }) },
	"site":          (*writing).site,
	"whereabouts":   (*writing).whereabouts,
	"customFields":  (*writing).ownFields,
	"untypedFields": (*writing).untypedFields,
	"ledger":        (*writing).ledger,
	"applied":       (*writing).applied,
	"phoneSettings": (*writing).phoneSettings,
	"preferences":   (*writing).preferences,
	"skills":        (*writing).skills,
	"exceptions":    (*writing).exceptions,
	"positions":     func(x *writing, name string) { x.strings(name, x.now.pick([]string{"Installer", "Service", "Sales"})) },
	"object":        func(x *writing, name string) { x.object(name, func() { x.int("value", x.now.Int64N(100)) }) },
	"lines":         (*writing).lines,

	"canceled":   (*writing).canceled,
	"membership": (*writing).membership,
	"landedCost": (*writing).landedCost,
	"history":    (*writing).history,
	"categories": (*writing).categories,
	"shared":     (*writing).shared,
	"side":       (*writing).side,
	"place":      func(x *writing, name string) { x.int(name, x.world.person(x.record.Ordinal/3).locationID()) },
	"laborType":  func(x *writing, name string) { x.text(name, []string{"APP", "JRN", "MST"}[x.record.Ordinal%3]) },
	"campaign":   func(x *writing, name string) { x.named(name, x.record.id, x.traits.pick(jobTypes)) },
	"street":     func(x *writing, name string) { x.text(name, x.person().street) },
	"own": func(x *writing, name string) {
		x.text(name, x.traits.pick(jobTypes)+" "+strconv.Itoa(x.record.Ordinal))
	},
}

func (x *writing) modified(name string) {
	if x.record.Dateless {
		x.null(name)
		return
	}
	x.time(name, x.record.Modified)
}

// recently is a moment in the days before the last change.
func (x *writing) recently() ticks {
	return x.record.Modified - ticks(x.now.Int64N(int64(72*time.Hour)/100))
}

func (x *writing) person() person { return x.world.person(x.world.refer("customers", x.traits)) }

// words are a name of a few words, whose end tells how often the record changed.
func (x *writing) words(name string) {
	text := x.traits.pick(jobTypes) + " " + x.traits.pick(familyNames)
	if x.record.Version > 0 {
		text += " v" + strconv.Itoa(x.record.Version)
	}
	x.text(name, text)
}

// referents are the entities that fields refer to.
var referents = map[string]string{
	"customerId": "customers", "jobId": "jobs", "invoiceId": "invoices", "estimateId": "estimates", "projectId": "projects",
	"technicianId": "technicians", "employeeId": "employees", "businessUnitId": "business_units", "appointmentId": "appointments",
	"campaignId": "campaigns", "bookingId": "bookings", "leadId": "leads", "membershipId": "customer_memberships", "membershipTypeId": "membership_types",
	"vendorId": "vendors", "formId": "forms", "locationId": "locations",
}

func (x *writing) reference(name string) {
	entity, ok := referents[name]
	if !ok {
		x.int(name, x.traits.id())
		return
	}
	x.int(name, x.world.id(x.world.kind(entity), x.world.refer(entity, x.traits)))
}

func (x *writing) customer(name string) {
	c := x.person()
	if name == "location" {
		c.id = c.locationID()
	}
	x.named(name, c.id, c.name)
}

func (x *writing) job(name string) {
	id := x.world.id(x.world.kind("jobs"), x.world.refer("jobs", x.traits))
	x.object(name, func() {
		x.int("id", id)
		x.text("number", strconv.FormatInt(id, 10))
		x.text("type", x.traits.pick(jobTypes))
	})
}

// guid is the id of records that have one of that kind.
func (w *world) guid(k *kind, ordinal int) string {
	d := w.dice(k, ordinal, forID)
	const hexDigits = "0123456789abcdef"
	text := []byte("xxxxxxxx-xxxx-4xxx-8xxx-xxxxxxxxxxxx")
	for i, c := range text {
		if c == 'x' {
			text[i] = hexDigits[d.IntN(16)]
		}
	}
	return string(text)
}
