package simulator

import (
	"math/rand/v2"
	"strconv"
)

// random makes the random choices of a record.
type random struct{ *rand.Rand }

// chance is true with a probability of permille/1000.
func (d random) chance(permille int) bool { return d.IntN(1000) < permille }

func (d random) pick(from []string) string { return from[d.IntN(len(from))] }

// id returns the random ID of a record that is not simulated.
func (d random) id() int64 { return 10_000_000 + d.Int64N(900_000_000) }

// Invented people and places. Some contain what often breaks software: accents, quotes, ampersands, characters beyond the basic plane.
var (
	givenNames  = []string{"Abena", "Bram", "Celestine", "Dario", "Elowen", "Farid", "Greta", "Hollis", "Inés", "Jorun", "Kofi", "Linnea", "Marlow", "Nadia", "Otis", "Priya", "Quill", "Rosalind", "Søren", "Tamsin", "Udo", "Vesna", "Wren", "Ximena", "Yusuf", "Zelda"}
	familyNames = []string{"Alderwick", "Bexley-Moor", "Castellane", "Dunmarrow", "Everhollow", "Fennimore", "Garrowby", "Hathersmith", "Ironmonger", "Juniperson", "Kestrelman", "Lockwether", "Müllenbach", "Nightingall", "O'Fallowby", "Pemberlane", "Quarrington", "Ravenshield", "Stonebridge", "Thistledown", "Umberfield", "Vandermoss", "Willowmere", "Yarrowgate"}
	firms       = []string{"Bakery", "Dental Group", "Hardware & Supply", "Lofts", "Medical Plaza", "Property Mgmt.", "\"Corner\" Café", "Self Storage", "Student Housing", "茶 House", "Yoga 🧘 Studio"}
	streets     = []string{"Amberly Way", "Birchfall Rd", "Cobbler Ln", "Dovecote Dr", "Elmsong Ave", "Foxglove St", "Goldenrod Ct", "Harrow Pl", "Inkberry Ter", "Juniper Loop"}
	cities      = []struct{ city, state, zip string }{{"Larkspur Falls", "CA", "910"}, {"Copper Mesa", "AZ", "850"}, {"Pinehollow", "CO", "802"}, {"Saltgrass", "TX", "773"}, {"Three Rivers Bend", "OH", "432"}}

	logins       = []string{"amarsh", "bkoller", "cdiaz", "epetrov", "ltran", "rhugo"}
	technicians  = []string{"Ada Marsh", "Ben Koller", "Carla Diaz", "Emil Petrov", "Lan Tran", "Rosa Hugo"}
	units        = []string{"HVAC - Service", "HVAC - Install", "Plumbing - Service", "Electrical - Service"}
	jobTypes     = []string{"No Cool", "No Heat", "Tune-Up", "Leak", "Water Heater", "Panel Upgrade"}
	jobStatuses  = []string{"Scheduled", "Dispatched", "InProgress", "Hold", "Completed", "Canceled"}
	priorities   = []string{"Low", "Normal", "High", "Urgent"}
	complaints   = []string{"<p>No cooling upstairs</p>", "<p>Furnace clicks but does not start</p>", "<p>Water under the sink &amp; in the hall</p>", "<p>Breaker trips when the dryer runs</p>", "<p>Yearly check; customer prefers mornings</p>", "<p>Bring a ladder (12 ft)</p><p>Dog in yard</p>"}
	skus         = []struct{ code, name, group string }{{"CAP-45", "Run capacitor 45 µF", "Service"}, {"CON-3T", "3 ton condenser", "Equipment"}, {"THR-W", "Wi-Fi thermostat", "Equipment"}, {"PVC-34", "3/4\" PVC pipe, 10 ft", "Material"}, {"DIAG", "Diagnostic visit", "Service"}, {"DISC-M", "Member discount", "PriceModifier"}}
	proposals    = []string{"Good", "Better", "Best"}
	syncStatuses = []string{"Pending", "Posted", "Exported"}
)

// person is a customer as other records know it.
type person struct {
	id       int64
	name     string
	business bool
	street   string
	unit     string
	city     int
	zip      string
}

func (w *world) person(ordinal int) person {
	k := w.kind("customers")
	d := w.random(k, ordinal, forTraits)
	c := person{id: w.id(k, ordinal), business: d.chance(180)}
	if c.name = d.pick(givenNames) + " " + d.pick(familyNames); c.business {
		c.name = d.pick(familyNames) + " " + d.pick(firms)
	}
	c.street = strconv.Itoa(100+d.IntN(9800)) + " " + d.pick(streets)
	if d.chance(150) {
		c.unit = "Apt " + strconv.Itoa(1+d.IntN(40))
	}
	c.city = d.IntN(len(cities))
	c.zip = cities[c.city].zip + strconv.Itoa(10+d.IntN(90))
	return c
}

func (c person) locationID() int64 { return c.id + 20_000_000 }

// address writes the address without coordinates, as invoices have it.
func (c person) address(p *jsonWriter) {
	p.text("street", c.street)
	if c.unit == "" {
		p.null("unit")
	} else {
		p.text("unit", c.unit)
	}
	p.text("city", cities[c.city].city)
	p.text("state", cities[c.city].state)
	p.text("zip", c.zip)
	p.text("country", "USA")
}

func unitID(unit int) int64 { return 1021 + int64(unit)*3 }

func technicianID(technician int) int64 { return 5521 + int64(technician)*11 }
