package entity

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDependentsAndReferences(t *testing.T) {
	t.Parallel()
	describe := func(links []Link) (all []string) {
		for _, l := range links {
			text := l.Entity.Name + "." + l.Column.Name
			if l.Where != "" {
				text += " " + EmployeeTypeColumn + "=" + l.Where
			}
			all = append(all, text)
		}
		return all
	}
	find := func(name string) Entity {
		e, known := Find(name)
		require.True(t, known, name)
		return e
	}
	require.Equal(t, []string{"customer_contacts.customer_id", "locations.customer_id"}, describe(find("customers").Dependents()))
	require.Equal(t, []string{"location_contacts.location_id"}, describe(find("locations").Dependents()))
	require.Equal(t, []string{"contact_methods.contact_id"}, describe(find("contacts").Dependents()))
	require.Equal(t, []string{"payroll_settings.employee_id employee_type=Employee"}, describe(find("employees").Dependents()))
	require.Equal(t, []string{
		"payroll_settings.employee_id employee_type=Technician", "technician_shifts.technician_id", "technician_skills.technician_id",
	}, describe(find("technicians").Dependents()))

	ofCustomers := describe(find("customers").References())
	require.Contains(t, ofCustomers, "customers.merged_to_id")
	require.Contains(t, ofCustomers, "jobs.customer_id")
	require.Contains(t, ofCustomers, "calls.customer_id")
	require.NotContains(t, ofCustomers, "locations.customer_id", "a dependent")
	require.NotContains(t, ofCustomers, "locations.merged_to_id", "has ids of locations")
	require.NotContains(t, ofCustomers, "remittance_vendors.customer_id", "is a text, and ids of customers are integers")
	require.Contains(t, describe(find("employees").References()), "calls.agent_id")
	require.Contains(t, describe(find("technicians").References()), "gross_pay_items.employee_id")
	require.Contains(t, describe(find("invoices").References()), "jobs.invoice_id")
	// Every entry of the tables names an entity and a column that exist.
	for _, e := range Catalogue {
		require.Len(t, e.Dependents(), len(dependents[e.Name]), e.Name)
		for _, d := range e.Dependents() {
			require.Equal(t, e.idType(), d.Column.Type, "%s.%s", d.Entity.Name, d.Column.Name)
		}
		for _, other := range otherReferences[e.Name] {
			require.Contains(t, describe(e.References()), map[string]string{"agent_id": "calls.agent_id", "assigned_to_id": "tasks.assigned_to_id", "employee_id": "payrolls.employee_id"}[other])
		}
	}
	for name := range dependents {
		find(name)
	}
	require.Equal(t, "company", singular("companies"))
}
