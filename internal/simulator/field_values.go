package simulator

import (
	"strconv"
	"strings"
	"time"
)

// recordWriter writes one version of a record.
type recordWriter struct {
	*jsonWriter
	world  *world
	kind   *kind
	record *record
	traits random // choices that all versions of the record share
	now    random // choices of this version
}

// fields writes a record from the fields of its kind, without those that the export feed or the
// list omits.
func (w *world) fields(p *jsonWriter, k *kind, r *record, hidden place) {
	x := &recordWriter{p, w, k, r, w.random(k, r.Ordinal, forTraits), w.random(k, r.Ordinal, forVersion+uint64(r.Version))}
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

// field writes a field. A hidden field is written and then removed, so that the random choices
// of later fields do not change.
func (x *recordWriter) field(f field, hidden bool) {
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

func (x *recordWriter) value(f field) {
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

// forms has the functions that write the value of a field, by form.
var forms = map[string]func(x *recordWriter, name string){
	"choice":   nil, // one of the field's choices
	"none":     func(x *recordWriter, name string) { x.array(name, func() {}) },
	"null":     func(x *recordWriter, name string) { x.null(name) },
	"active":   func(x *recordWriter, name string) { x.flag(name, !x.record.Inactive) },
	"created":  func(x *recordWriter, name string) { x.time(name, x.record.Created) },
	"modified": (*recordWriter).modified,
	"merged":   func(x *recordWriter, name string) { x.maybeInt(name, x.record.MergedTo, x.record.MergedTo != 0) },

	"self": func(x *recordWriter, name string) { x.int(name, x.record.id) },
	"guid": func(x *recordWriter, name string) { x.text(name, x.world.guid(x.kind, x.record.Ordinal)) },
	"code": func(x *recordWriter, name string) {
		x.text(name, strings.Split(x.world.guid(x.kind, x.record.Ordinal), "-")[0]+"_"+strconv.Itoa(x.record.Ordinal))
	},
	"user": func(x *recordWriter, name string) { x.int(name, 3305+x.traits.Int64N(6)) },
	"ref":  (*recordWriter).reference,
	"ids":  func(x *recordWriter, name string) { x.ints(name, tags(x.now)...) },
	"int":  func(x *recordWriter, name string) { x.int(name, x.now.Int64N(60)) },
	"flag": func(x *recordWriter, name string) { x.flag(name, x.now.chance(500)) },

	"number": func(x *recordWriter, name string) { x.number(name, x.now.Int64N(900_000)) },
	"money":  func(x *recordWriter, name string) { x.money(name, x.now.Int64N(900_000)) },
	"digits": func(x *recordWriter, name string) {
		x.text(name, strconv.FormatInt(x.record.id+x.traits.Int64N(9), 10))
	},

	"time": func(x *recordWriter, name string) { x.time(name, x.recently()) },
	"date": func(x *recordWriter, name string) { x.date(name, x.record.Created) },
	"day":  func(x *recordWriter, name string) { x.text(name, x.record.Created.time().Format(time.DateOnly)) },
	"local": func(x *recordWriter, name string) {
		x.text(name, x.record.Created.midnight().time().Format("2006-01-02T15:04:05"))
	},
	"clock": func(x *recordWriter, name string) { x.text(name, strconv.Itoa(10+x.now.IntN(8))+":00:00") },

	"text": (*recordWriter).words,
	"phrase": func(x *recordWriter, name string) {
		x.text(name, x.traits.pick(complaints)+" #"+strconv.Itoa(x.record.Ordinal))
	},
	"html":    func(x *recordWriter, name string) { x.text(name, x.now.pick(complaints)) },
	"email":   func(x *recordWriter, name string) { x.text(name, x.now.pick(logins)+"@example.com") },
	"phone":   func(x *recordWriter, name string) { x.text(name, "555"+strconv.Itoa(1_000_000+x.now.IntN(8_999_999))) },
	"strings": func(x *recordWriter, name string) { x.strings(name, x.now.pick(units)) },

	"named":    func(x *recordWriter, name string) { x.named(name, x.traits.id(), x.traits.pick(familyNames)) },
	"customer": (*recordWriter).customer,
	"unit": func(x *recordWriter, name string) {
		n := x.traits.IntN(len(units))
		x.named(name, unitID(n), units[n])
	},
	"job":           (*recordWriter).job,
	"address":       func(x *recordWriter, name string) { x.object(name, func() { x.person().address(x.jsonWriter) }) },
	"site":          (*recordWriter).site,
	"whereabouts":   (*recordWriter).whereabouts,
	"customFields":  (*recordWriter).ownFields,
	"untypedFields": (*recordWriter).untypedFields,
	"ledger":        (*recordWriter).ledger,
	"applied":       (*recordWriter).applied,
	"phoneSettings": (*recordWriter).phoneSettings,
	"preferences":   (*recordWriter).preferences,
	"skills":        (*recordWriter).skills,
	"exceptions":    (*recordWriter).exceptions,
	"positions": func(x *recordWriter, name string) {
		x.strings(name, x.now.pick([]string{"Installer", "Service", "Sales"}))
	},
	"object": func(x *recordWriter, name string) { x.object(name, func() { x.int("value", x.now.Int64N(100)) }) },
	"lines":  (*recordWriter).lines,

	"canceled":   (*recordWriter).canceled,
	"membership": (*recordWriter).membership,
	"landedCost": (*recordWriter).landedCost,
	"history":    (*recordWriter).history,
	"categories": (*recordWriter).categories,
	"shared":     (*recordWriter).shared,
	"side":       (*recordWriter).side,
	"place":      func(x *recordWriter, name string) { x.int(name, x.world.person(x.record.Ordinal/3).locationID()) },
	"laborType":  func(x *recordWriter, name string) { x.text(name, []string{"APP", "JRN", "MST"}[x.record.Ordinal%3]) },
	"campaign":   func(x *recordWriter, name string) { x.named(name, x.record.id, x.traits.pick(jobTypes)) },
	"street":     func(x *recordWriter, name string) { x.text(name, x.person().street) },
	"own": func(x *recordWriter, name string) {
		x.text(name, x.traits.pick(jobTypes)+" "+strconv.Itoa(x.record.Ordinal))
	},
}

func (x *recordWriter) modified(name string) {
	if x.record.Dateless {
		x.null(name)
		return
	}
	x.time(name, x.record.Modified)
}

// recently returns a random time in the days before the last change.
func (x *recordWriter) recently() ticks {
	return x.record.Modified - ticks(x.now.Int64N(int64(72*time.Hour)/100))
}

func (x *recordWriter) person() person { return x.world.person(x.world.refer("customers", x.traits)) }

// words writes a name of a few words that ends with the number of changes of the record.
func (x *recordWriter) words(name string) {
	text := x.traits.pick(jobTypes) + " " + x.traits.pick(familyNames)
	if x.record.Version > 0 {
		text += " v" + strconv.Itoa(x.record.Version)
	}
	x.text(name, text)
}

// referents maps fields to the entities that they refer to.
var referents = map[string]string{
	"customerId": "customers", "jobId": "jobs", "invoiceId": "invoices", "estimateId": "estimates", "projectId": "projects",
	"technicianId": "technicians", "employeeId": "employees", "businessUnitId": "business_units", "appointmentId": "appointments",
	"campaignId": "campaigns", "bookingId": "bookings", "leadId": "leads", "membershipId": "customer_memberships", "membershipTypeId": "membership_types",
	"vendorId": "vendors", "formId": "forms", "locationId": "locations",
}

func (x *recordWriter) reference(name string) {
	entity, ok := referents[name]
	if !ok {
		x.int(name, x.traits.id())
		return
	}
	x.int(name, x.world.id(x.world.kind(entity), x.world.refer(entity, x.traits)))
}

func (x *recordWriter) customer(name string) {
	c := x.person()
	if name == "location" {
		c.id = c.locationID()
	}
	x.named(name, c.id, c.name)
}

func (x *recordWriter) job(name string) {
	id := x.world.id(x.world.kind("jobs"), x.world.refer("jobs", x.traits))
	x.object(name, func() {
		x.int("id", id)
		x.text("number", strconv.FormatInt(id, 10))
		x.text("type", x.traits.pick(jobTypes))
	})
}

// guid returns the id of a record whose kind has GUIDs.
func (w *world) guid(k *kind, ordinal int) string {
	d := w.random(k, ordinal, forID)
	const hexDigits = "0123456789abcdef"
	text := []byte("xxxxxxxx-xxxx-4xxx-8xxx-xxxxxxxxxxxx")
	for i, c := range text {
		if c == 'x' {
			text[i] = hexDigits[d.IntN(16)]
		}
	}
	return string(text)
}
