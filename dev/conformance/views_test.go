package conformance

import (
	"fmt"
	"maps"
	"math/big"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/simulator"
	"github.com/lazi/lazisync/internal/store"
)

// viewZone is the time zone of the tenant of the queries.
const viewZone = "America/Denver"

// answers compute the results of the queries of docs/queries.md from the records of the simulator, by
// the heading of the query. A result has the key columns of each row and its amounts.
var answers = map[string]struct {
	keys, amounts []string
	compute       func(b *business) sums
}{
	"Open estimates older than 30 days": {[]string{"id", "customer", "business_unit_name", "created"}, []string{"total"}, func(b *business) sums {
		return b.sum(b.estimates, func(r gjson.Result, add func(key []string, amounts ...*big.Rat)) {
			if r.Get("status.name").Str == "Open" && instant(r, "createdOn").Before(time.Now().AddDate(0, 0, -30)) {
				customer := b.name[b.survivor(r.Get("customerId").Int())]
				add([]string{r.Get("id").Raw, customer, r.Get("businessUnitName").Str, b.day(r, "createdOn")}, b.total(r))
			}
		})
	}},
	"Share of estimates that are sold, by month": {[]string{"month"}, []string{"estimates", "sold", "amount"}, func(b *business) sums {
		return b.sum(b.estimates, func(r gjson.Result, add func(key []string, amounts ...*big.Rat)) {
			month := []string{b.day(r, "createdOn")[:7] + "-01"}
			if r.Get("status.name").Str == "Sold" {
				add(month, one, one, b.total(r))
			} else {
				add(month, one, zero, zero)
			}
		})
	}},
	"Revenue by business unit and week": {[]string{"business_unit_name", "week"}, []string{"invoices", "revenue"}, func(b *business) sums {
		return b.sum(b.invoices, func(r gjson.Result, add func(key []string, amounts ...*big.Rat)) {
			monday := instant(r, "invoiceDate")
			for monday.Weekday() != time.Monday {
				monday = monday.AddDate(0, 0, -1)
			}
			add([]string{r.Get("businessUnit.name").Str, monday.Format(time.DateOnly)}, one, amount(r, "subTotal"))
		})
	}},
	"Revenue by customer": {[]string{"customer_id", "customer"}, []string{"invoices", "revenue"}, func(b *business) sums {
		return b.sum(b.invoices, func(r gjson.Result, add func(key []string, amounts ...*big.Rat)) {
			id := b.survivor(r.Get("customer.id").Int())
			add([]string{fmt.Sprint(id), b.name[id]}, one, amount(r, "subTotal"))
		})
	}},
	"Completed jobs without an invoice": {[]string{"id", "completed", "customer"}, []string{"total"}, func(b *business) sums {
		invoiced := map[int64]bool{}
		for _, r := range b.invoices {
			invoiced[r.Get("job.id").Int()] = true
		}
		return b.sum(b.jobs, func(r gjson.Result, add func(key []string, amounts ...*big.Rat)) {
			if r.Get("jobStatus").Str == "Completed" && !r.Get("noCharge").Bool() && !invoiced[r.Get("id").Int()] {
				add([]string{r.Get("id").Raw, b.day(r, "completedOn"), b.name[b.survivor(r.Get("customerId").Int())]}, amount(r, "total"))
			}
		})
	}},
	"What customers owe": {[]string{"customer_id"}, []string{"owed", "overdue_30_days"}, func(b *business) sums {
		today := time.Now().UTC().Truncate(24 * time.Hour)
		return b.sum(b.invoices, func(r gjson.Result, add func(key []string, amounts ...*big.Rat)) {
			owed, overdue := amount(r, "balance"), zero
			if instant(r, "dueDate").Before(today.AddDate(0, 0, -30)) {
				overdue = owed
			}
			if owed.Sign() > 0 {
				add([]string{fmt.Sprint(b.survivor(r.Get("customer.id").Int()))}, owed, overdue)
			}
		})
	}},
	"Best-selling items": {[]string{"sku_name"}, []string{"quantity", "revenue", "margin"}, func(b *business) sums {
		return b.sum(b.invoices, func(r gjson.Result, add func(key []string, amounts ...*big.Rat)) {
			for _, item := range r.Get("items").Array() {
				total := amount(item, "total")
				add([]string{item.Get("skuName").Str}, amount(item, "quantity"), total, new(big.Rat).Sub(total, amount(item, "totalCost")))
			}
		})
	}},
	"Payments by type and month": {[]string{"type", "month"}, []string{"payments", "amount"}, func(b *business) sums {
		return b.sum(b.payments, func(r gjson.Result, add func(key []string, amounts ...*big.Rat)) {
			month := ""
			if date := r.Get("date").Str; date != "" {
				month = date[:7] + "-01"
			}
			add([]string{r.Get("type").Str, month}, one, amount(r, "total"))
		})
	}},
	"Jobs by a custom field": {[]string{"filter_size"}, []string{"jobs", "revenue"}, func(b *business) sums {
		return b.sum(b.jobs, func(r gjson.Result, add func(key []string, amounts ...*big.Rat)) {
			if size := r.Get(`customFields.#(name=="Filter size").value`); size.Exists() {
				add([]string{size.Str}, one, amount(r, "total"))
			}
		})
	}},
	"Customers, merged ones once": {[]string{"type"}, []string{"customers", "balance"}, func(b *business) sums {
		return b.sum(b.customers, func(r gjson.Result, add func(key []string, amounts ...*big.Rat)) {
			if b.survivor(r.Get("id").Int()) == r.Get("id").Int() {
				add([]string{r.Get("type").Str}, one, amount(r, "balance"))
			}
		})
	}},
}

// TestQueriesOfABusiness syncs a company, some of whose customers are merged, and compares the
// results of the queries of docs/queries.md with its records.
func TestQueriesOfABusiness(t *testing.T) {
	t.Parallel()
	names := []string{"customers", "locations", "jobs", "invoices", "estimates", "payments"}
	p := newPipeline(t, newDatabase(t, entitiesNamed(t, names...)...), simulator.Options{}, names...)
	p.clock.Advance(time.Since(p.clock.Now())) // queries use the clock of PostgreSQL
	for _, name := range names {
		for range 25 {
			id, err := p.RandomID(name)
			require.NoError(t, err)
			require.NoError(t, p.Delete(name, id))
			_, err = p.Create(name)
			require.NoError(t, err)
		}
		p.requireSync(events.Full, name)
	}
	_, err := p.store.MigrateViews(t.Context(), store.TimeZones{events.TenantID(p.tenant): viewZone})
	require.NoError(t, err)

	b := newBusiness(p)
	queries := queriesOfDocs(t)
	require.ElementsMatch(t, slices.Collect(maps.Keys(answers)), slices.Collect(maps.Keys(queries)))
	for heading, sql := range queries {
		t.Run(heading, func(t *testing.T) {
			answer := answers[heading]
			want := answer.compute(b)
			require.NotEmpty(t, want)
			require.Equal(t, want.text(), p.ask(t, sql, answer.keys, answer.amounts).text())
		})
	}
}

// queriesOfDocs returns the queries of docs/queries.md by their headings.
func queriesOfDocs(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("../../docs/queries.md")
	require.NoError(t, err)
	queries := map[string]string{}
	for _, found := range regexp.MustCompile("(?ms)^## ([^\n]+)\n(.*?)```sql\n(.*?);\n```").FindAllStringSubmatch(string(text), -1) {
		require.NotContains(t, found[2], "```", found[1])
		queries[found[1]] = found[3]
	}
	require.Equal(t, strings.Count(string(text), "```sql"), len(queries))
	return queries
}

// ask runs a query for the tenant of the pipeline.
func (p *pipeline) ask(t *testing.T, sql string, keys, amounts []string) sums {
	t.Helper()
	rows, err := p.pool.Query(t.Context(), "select to_jsonb(q)::text from ("+strings.ReplaceAll(sql, "1039746210", p.tenant)+") q")
	require.NoError(t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	got := sums{}
	for _, line := range lines {
		row := gjson.Parse(line)
		var key []string
		for _, name := range keys {
			require.True(t, row.Get(name).Exists(), name)
			key = append(key, row.Get(name).String())
		}
		var values []*big.Rat
		for _, name := range amounts {
			require.True(t, row.Get(name).Exists(), name)
			values = append(values, amount(row, name))
		}
		require.NotContains(t, got, strings.Join(key, "|"), "a group twice")
		got.add(key, values)
	}
	return got
}

// sums are amounts by the key of a row.
type sums map[string][]*big.Rat

func (s sums) add(key []string, amounts []*big.Rat) {
	at := strings.Join(key, "|")
	if s[at] == nil {
		s[at] = make([]*big.Rat, len(amounts))
		for i := range amounts {
			s[at][i] = new(big.Rat)
		}
	}
	for i, a := range amounts {
		s[at][i].Add(s[at][i], a)
	}
}

func (s sums) text() (lines []string) {
	for _, key := range slices.Sorted(maps.Keys(s)) {
		line := key
		for _, a := range s[key] {
			line += " " + a.FloatString(4)
		}
		lines = append(lines, line)
	}
	return lines
}

var zero, one = new(big.Rat), big.NewRat(1, 1)

// amount returns an amount, which is a number or a string; null is zero.
func amount(r gjson.Result, path string) *big.Rat {
	text := r.Get(path).Raw
	if unquoted := r.Get(path).Str; unquoted != "" {
		text = unquoted
	}
	a, ok := new(big.Rat).SetString(text)
	if !ok {
		return zero
	}
	return a
}

func instant(r gjson.Result, path string) time.Time {
	at, _ := time.Parse(time.RFC3339, r.Get(path).Str)
	return at
}

// business has the records of the simulator that queries count: those that are active.
type business struct {
	customers, jobs, invoices, estimates, payments []gjson.Result

	name   map[int64]string // of each customer
	merged map[int64]int64
	zone   *time.Location
}

func newBusiness(p *pipeline) *business {
	p.Helper()
	b := &business{name: map[int64]string{}, merged: map[int64]int64{}}
	var err error
	b.zone, err = time.LoadLocation(viewZone)
	require.NoError(p, err)
	read := func(name string, inactive bool) (all []gjson.Result) {
		for _, r := range p.simulatorRecords(name) {
			if inactive || r.active() {
				all = append(all, r.json)
			}
		}
		return all
	}
	b.customers = read("customers", true) // a deactivated customer is a customer
	b.jobs, b.invoices, b.estimates, b.payments = read("jobs", false), read("invoices", false), read("estimates", false), read("payments", false)
	for _, r := range b.customers {
		b.name[r.Get("id").Int()] = r.Get("name").Str
		if to := r.Get("mergedToId").Int(); to != 0 {
			b.merged[r.Get("id").Int()] = to
		}
	}
	require.NotEmpty(p, b.merged)
	return b
}

// survivor returns the customer that remains after all merges.
func (b *business) survivor(id int64) int64 {
	for at, seen := id, map[int64]bool{}; ; at = b.merged[at] {
		switch {
		case seen[at]:
			return id
		case b.merged[at] == 0:
			return at
		}
		seen[at] = true
	}
}

// day returns the date of an instant in the time zone of the tenant.
func (b *business) day(r gjson.Result, path string) string {
	return instant(r, path).In(b.zone).Format(time.DateOnly)
}

// total returns the amount of an estimate.
func (b *business) total(r gjson.Result) *big.Rat {
	return new(big.Rat).Add(amount(r, "subtotal"), amount(r, "tax"))
}

func (b *business) sum(records []gjson.Result, each func(r gjson.Result, add func(key []string, amounts ...*big.Rat))) sums {
	s := sums{}
	for _, r := range records {
		each(r, func(key []string, amounts ...*big.Rat) { s.add(key, amounts) })
	}
	return s
}
