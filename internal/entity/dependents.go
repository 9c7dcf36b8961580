package entity

import (
	"slices"
	"strings"
)

// Link is a column of an entity's table that has the id of a record of another entity.
type Link struct {
	Entity Entity // has the column
	Column Column
	Where  string // value that the column EmployeeTypeColumn must have, "" for any
}

// EmployeeTypeColumn says whether the column employee_id has the id of an employee or a technician.
const EmployeeTypeColumn = "employee_type"

// dependents lists, by entity, those whose records exist for one record of it alone, and have no meaning
// without it.
var dependents = map[string][]dependent{
	"customers":   {{entity: "customer_contacts", column: "customer_id"}, {entity: "locations", column: "customer_id"}},
	"locations":   {{entity: "location_contacts", column: "location_id"}},
	"contacts":    {{entity: "contact_methods", column: "contact_id"}},
	"employees":   {{entity: "payroll_settings", column: "employee_id", where: "Employee"}},
	"technicians": {{"payroll_settings", "employee_id", "Technician"}, {entity: "technician_shifts", column: "technician_id"}, {entity: "technician_skills", column: "technician_id"}},
}

type dependent struct{ entity, column, where string }

// otherReferences lists columns with ids of an entity that are not named after it.
var otherReferences = map[string][]string{
	"employees":   {"agent_id", "assigned_to_id"},
	"technicians": {"employee_id"},
}

// mergedColumn has the id of the record with which a record of the same entity was merged.
const mergedColumn = "merged_to_id"

// Dependents lists the entities whose records exist for one record of this entity alone, with the
// column that has its id.
func (e Entity) Dependents() []Link {
	var links []Link
	for _, d := range dependents[e.Name] {
		if of, known := Find(d.entity); known {
			i := slices.IndexFunc(of.Columns, func(c Column) bool { return c.Name == d.column })
			links = append(links, Link{of, of.Columns[i], d.where})
		}
	}
	return links
}

// References lists the typed columns that may have the id of a record of this entity, without those of its
// dependents. A column is found by its name: customer_id has ids of customers.
func (e Entity) References() []Link {
	names := append([]string{singular(e.Name) + "_id"}, otherReferences[e.Name]...)
	var links []Link
	for _, other := range Catalogue {
		for _, c := range other.Columns {
			isReference := slices.Contains(names, c.Name) || c.Name == mergedColumn && other.Name == e.Name
			isDependent := slices.ContainsFunc(dependents[e.Name], func(d dependent) bool { return d.entity == other.Name && d.column == c.Name })
			if isReference && !isDependent && c.Type == e.idType() {
				links = append(links, Link{Entity: other, Column: c})
			}
		}
	}
	return links
}

// idType returns the type of columns with ids of the entity.
func (e Entity) idType() ColumnType {
	if e.Key == Int64ID {
		return Bigint
	}
	return Text
}

// singular returns the singular of the name of an entity: "companies" gives "company".
func singular(name string) string {
	if stem, is := strings.CutSuffix(name, "ies"); is {
		return stem + "y"
	}
	return strings.TrimSuffix(name, "s")
}
