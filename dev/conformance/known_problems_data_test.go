package conformance

import (
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
)

// The known problems that are about the content of records.

func numberForText(p *pipeline) {
	const name = "inventory_bills"
	p.answer = rewrite(`"syncStatus":"Posted"`, `"syncStatus":3`)
	require.Zero(p, p.requireSync(events.Full, name).Rejected)
	require.NotZero(p, value[int](p, "select count(*) from raw.st_inventory_bills where tenant_id = $1 and sync_status = '3'", p.tenant))

	p.answer = rewrite(`"active":true`, `"active":"sometimes"`)
	result := p.requireSync(events.Full, "customers")
	require.Zero(p, result.Rejected)
	require.Len(p, result.Warnings, 1)
	require.Regexp(p, `^\d+ records have a value that does not fit column active, which is NULL there; record \d+ has "sometimes"$`, result.Warnings[0])
	require.NotZero(p, value[int](p, "select count(*) from raw.st_customers where tenant_id = $1 and active is null and full_data ->> 'active' = 'sometimes'", p.tenant))
}

func settingsOfOneEmployee(p *pipeline) {
	p.requireSync(events.Full, "payroll_settings")
	p.requireEqual("payroll_settings")
	require.NotZero(p, value[int](p, `
		select count(*) from (select full_data ->> 'employeeId' from raw.st_payroll_settings where tenant_id = $1 group by 1 having count(*) = 2) twice`, p.tenant))
}

func newField(p *pipeline) {
	p.requireSync(events.Full, "customers")
	p.answer = rewrite(`"type":"Residential"`, `"type":"Residential","loyalty":{"tier":"gold","points":[1,2.50]}`)
	require.NotZero(p, p.requireSync(events.Full, "customers").Updated)
	require.Equal(p, value[int](p, "select count(*) from raw.st_customers where tenant_id = $1 and type = 'Residential'", p.tenant),
		value[int](p, `select count(*) from raw.st_customers where tenant_id = $1 and full_data #>> '{loyalty,points,1}' = '2.50'`, p.tenant))
}

func removedContact(p *pipeline) {
	const name = "customer_contacts"
	p.requireSync(events.Full, name)
	id, err := p.RandomID(name)
	require.NoError(p, err)
	require.NoError(p, p.Delete(name, id))
	require.Equal(p, int64(1), p.requireSync(events.Incremental, name).Deleted)
	p.requireEqual(name)
}

// inactiveParent shows that the call for the contacts of one customer fails, and that the client
// does not make it.
func inactiveParent(p *pipeline) {
	const name = "customer_contacts"
	var customer int64
	for _, r := range p.simulatorRecords(name) {
		customer = r.json.Get("customerId").Int()
		if p.Deactivate("customers", customer) == nil {
			break
		}
	}
	p.requireSync(events.Full, name)
	p.requireEqual(name)
	require.NotZero(p, value[int](p, "select count(*) from raw.st_customer_contacts where tenant_id = $1 and customer_id = $2", p.tenant, customer))
	require.Zero(p, p.Stats().Entities["customer_contacts_by_customer"])
}

func timeZones(p *pipeline) {
	const name = "campaigns"
	ids := []int64{p.idWithModifiedOn(name)}
	require.NoError(p, p.Update(name, ids[0]))
	stamp := p.record(name, ids[0]).Get("modifiedOn").Str
	at, err := time.Parse(time.RFC3339, stamp)
	require.NoError(p, err)
	for i, written := range []string{
		strings.TrimSuffix(stamp, "Z"), at.In(time.FixedZone("", -7*3600)).Format("2006-01-02T15:04:05.0000000-07:00"), stamp,
	} {
		p.answer = rewrite(stamp, written)
		result := p.requireSync(events.Full, name)
		require.Zero(p, result.Rejected, written)
		require.Equal(p, i > 0, result.Updated == 1, "the record as received")
		require.True(p, at.Truncate(time.Microsecond).Equal(value[time.Time](p,
			"select modified_on from raw.st_campaigns where tenant_id = $1 and st_id = $2", p.tenant, ids[0])), written)
	}
}

func silentEdit(p *pipeline) {
	p.requireSync(events.Full, "customers")
	p.answer = rewrite(`"doNotMail":false`, `"doNotMail":true`)
	require.NotZero(p, p.requireSync(events.Full, "customers").Updated)
	require.Zero(p, value[int](p, "select count(*) from raw.st_customers where tenant_id = $1 and full_data ->> 'doNotMail' = 'false'", p.tenant))
}

// deletedInList: a missing record is looked up, or must be missing twice.
func deletedInList(p *pipeline) {
	for _, list := range []struct {
		name    string
		deleted []int64
	}{{"campaigns", []int64{1, 0}}, {"call_reasons", []int64{0, 1}}} {
		name, deleted := list.name, list.deleted
		p.requireSync(events.Full, name)
		id, err := p.RandomID(name)
		require.NoError(p, err)
		require.NoError(p, p.Delete(name, id))
		for _, n := range deleted {
			require.Equal(p, n, p.requireSync(events.Full, name).Deleted, name)
		}
		p.requireEqual(name)
	}
}

func numbersKeepDigits(p *pipeline) {
	p.answer = rewrite(`"doNotMail":false`, `"doNotMail":false,"exact":12345678901234567890.10`)
	p.requireSync(events.Full, "customers")
	require.Equal(p, "12345678901234567890.10", value[string](p,
		"select full_data ->> 'exact' from raw.st_customers where tenant_id = $1 and full_data ? 'exact' limit 1", p.tenant))
	p.answer = nil
	p.requireSync(events.Full, "invoices")
	for _, r := range p.simulatorRecords("invoices") {
		require.Equal(p, r.json.Get("total").Str, value[string](p, "select total::text from raw.st_invoices where tenant_id = $1 and st_id = $2", p.tenant, r.number))
	}
}
