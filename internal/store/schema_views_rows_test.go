package store_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/store/views"
)

// rows returns the rows of a query on views as JSON.
func (f *fixture) rows(sql string) string {
	f.Helper()
	return get[string](f, "select coalesce(json_agg(q), '[]')::text from ("+sql+") q")
}

func TestEmptyViewsAreSelectable(t *testing.T) {
	t.Parallel()
	f := newViews(t)
	for _, v := range views.All {
		require.Equal(t, "[]", f.rows("select * from "+v.QualifiedName()), v.Name)
	}
}

// malformed are values of other types than a field has.
var malformed = []string{
	`null`, `true`, `1`, `-1.5e300`, `99999999999999999999`, `""`, `"x"`, `"1,5"`, `"0000-00-00"`, `"2026-02-30T00:00:00Z"`, `"infinity"`,
	`[]`, `[null]`, `[1, "x", null, [2]]`, `["x"]`, `[[{"name": "a"}]]`, `{}`, `{"id": [], "name": {"a": 1}}`,
	`[{}, {"id": "x", "name": null}, {"id": {}, "name": [1], "value": 5}, {"name": 7}]`,
}

// fillViews stores, for each malformed value, a record of each entity in which every field that a
// view reads has that value, at each level of its path. It returns the number of records of an entity.
func (f *fixture) fillViews() (records int) {
	f.Helper()
	for _, e := range viewed() {
		paths := fieldPaths(e.Name)
		records = 0
		for i, value := range malformed {
			for depth := range 3 {
				record := map[string]any{}
				for _, path := range paths {
					set(record, path, depth, json.RawMessage(value))
				}
				text, err := json.Marshal(record)
				require.NoError(f, err)
				records++
				f.insert(e.Name, 1+i*3+depth, string(text))
			}
		}
	}
	return records
}

// fieldPaths returns the paths of the fields of an entity that views and typed columns read.
func fieldPaths(name string) (paths [][]string) {
	for _, v := range views.All {
		if v.Entity != name {
			continue
		}
		for _, c := range v.Describe() {
			for path := range strings.SplitSeq(c.Path, " + ") {
				paths = append(paths, strings.Split(path, "."))
			}
		}
	}
	e, _ := entity.Find(name)
	for _, c := range e.Columns {
		paths = append(paths, strings.Split(c.Path, "."))
	}
	return paths
}

// set sets a field to a value, or the object or array that contains it at a depth above that of the field.
func set(record map[string]any, path []string, depth int, value any) {
	name, isArray := strings.CutSuffix(path[0], "[]")
	if depth == 0 || len(path) == 1 {
		if record[name] == nil {
			record[name] = value
		}
		return
	}
	inner := map[string]any{}
	switch outer := record[name].(type) {
	case map[string]any:
		inner = outer
	case []any:
		inner, _ = outer[0].(map[string]any)
	}
	set(inner, path[1:], depth-1, value)
	record[name] = any(inner)
	if isArray {
		record[name] = []any{inner, value}
	}
}

// TestMalformedValuesAreNull: no value makes a view fail, or hides a row.
func TestMalformedValuesAreNull(t *testing.T) {
	t.Parallel()
	f := newViews(t)
	records := f.fillViews()
	for _, v := range views.All {
		f.rows("select * from " + v.QualifiedName())
		if !strings.Contains(v.Query(), "with ordinality") {
			require.EqualValues(t, records, get[int64](f, "select count(*) from "+v.QualifiedName()), v.Name)
		}
	}
	f.exec(`delete from raw.st_invoices`)
	f.insert("invoices", 1, `{"id": 1, "total": "12,50", "discountTotal": "much", "membershipId": "x", "summary": {"a": 1}, "customer": 5, "invoiceDate": "2026-02-30",
		"items": [{"id": "7", "quantity": "1,5", "price": "12.50", "skuName": ["a"], "taxable": "yes"}, 5, null, [1], "x", {"total": 3}], "customFields": {"name": "a"}}`)
	require.JSONEq(t, `[{"id": 1, "total": null, "discount_total": null, "membership_id": null, "summary": null, "customer_id": null, "customer_name": null, "invoice_date": null, "custom_fields": {}}]`,
		f.rows("select id, total, discount_total, membership_id, summary, customer_id, customer_name, invoice_date, custom_fields from st.invoices"))
	require.JSONEq(t, `[
		{"invoice_id": 1, "position": 1, "id": 7, "quantity": null, "price": 12.50, "sku_name": null, "taxable": null, "total": null},
		{"invoice_id": 1, "position": 6, "id": null, "quantity": null, "price": null, "sku_name": null, "taxable": null, "total": 3}]`,
		f.rows("select invoice_id, position, id, quantity, price, sku_name, taxable, total from st.invoice_items order by position"))
}

func TestValuesOfViews(t *testing.T) {
	t.Parallel()
	f := newViews(t)
	f.insert("customers", 7, `{"id": 7, "name": "Ann", "active": true, "type": "Residential", "balance": 12.50, "taxExempt": false, "tagTypeIds": [512, "x", 310], "mergedToId": null,
		"address": {"street": "1 Main St", "unit": null, "city": "Reno", "state": "NV", "zip": "89501", "country": "USA"},
		"customFields": [{"typeId": 1, "name": "Gate code", "value": "4471"}, {"typeId": 2, "name": "Pets", "value": null}, {"typeId": 3, "value": "?"}, {"typeId": 1, "name": "Gate code", "value": "12"}],
		"createdOn": "2026-01-15T06:30:00.1234567Z"}`)
	require.JSONEq(t, `[{"tenant_id": 42, "id": 7, "name": "Ann", "active": true, "balance": 12.50, "tax_exempt": false, "tag_type_ids": [512, 310], "merged_to_id": null,
		"street": "1 Main St", "unit": null, "city": "Reno", "zip": "89501", "custom_fields": {"Gate code": "12", "Pets": null}, "created": "2026-01-15T06:30:00.123456",
		"created_on_local": "2026-01-14T23:30:00.123456", "modified_on_local": "2026-03-01T05:00:00", "city2": "Reno"}]`,
		f.rows(`select tenant_id, id, name, active, balance, tax_exempt, tag_type_ids, merged_to_id, street, unit, city, zip, custom_fields,
			created_on at time zone 'UTC' as created, created_on_local, modified_on_local, full_data #>> '{address,city}' as city2 from st.customers`))

	f.insert("invoices", 9, `{"id": 9, "referenceNumber": "A-9", "invoiceDate": "2026-02-11T00:00:00Z", "subTotal": "250.00", "salesTax": "20.00", "total": "270.00", "balance": "0.00", "active": true,
		"customer": {"id": 7, "name": "Ann"}, "businessUnit": {"id": 3, "name": "HVAC"}, "job": {"id": 5, "number": "J5"}, "customFields": [{"name": "Filed under", "value": "B"}],
		"items": [{"id": 1, "quantity": "2.00", "price": "100.00", "total": "200.00", "skuName": "CAP", "businessUnit": {"id": 4, "name": "Plumbing"}, "generalLedgerAccount": {"name": "Service revenue"}},
			{"id": 2, "quantity": "1.00", "price": "50.00", "total": "50.00", "skuName": "FILTER"}]}`)
	require.JSONEq(t, `[{"id": 9, "number": "A-9", "invoice_date": "2026-02-11", "sub_total": 250.00, "total": 270.00, "customer_id": 7, "customer_name": "Ann", "business_unit_id": 3,
		"business_unit_name": "HVAC", "job_id": 5, "job_number": "J5", "custom_fields": {"Filed under": "B"}}]`,
		f.rows("select id, number, invoice_date, sub_total, total, customer_id, customer_name, business_unit_id, business_unit_name, job_id, job_number, custom_fields from st.invoices"))
	require.JSONEq(t, `[
		{"invoice_id": 9, "position": 1, "id": 1, "invoice_number": "A-9", "invoice_date": "2026-02-11", "customer_id": 7, "business_unit_name": "Plumbing", "sku_name": "CAP", "quantity": 2.00, "total": 200.00, "income_account": "Service revenue"},
		{"invoice_id": 9, "position": 2, "id": 2, "invoice_number": "A-9", "invoice_date": "2026-02-11", "customer_id": 7, "business_unit_name": null, "sku_name": "FILTER", "quantity": 1.00, "total": 50.00, "income_account": null}]`,
		f.rows("select invoice_id, position, id, invoice_number, invoice_date, customer_id, business_unit_name, sku_name, quantity, total, income_account from st.invoice_items order by position"))

	f.insert("estimates", 8, `{"id": 8, "status": {"value": 0, "name": "Open"}, "subtotal": 6480.0, "tax": 0.50, "customerId": 7, "items": [{"id": 3, "qty": 1.0, "unitRate": 6480.0, "sku": {"id": 2, "name": "COND", "displayName": "Condenser"}}]}`)
	require.JSONEq(t, `[{"id": 8, "status": "Open", "total": 6480.50, "customer_id": 7}]`, f.rows("select id, status, total, customer_id from st.estimates"))
	require.JSONEq(t, `[{"estimate_id": 8, "id": 3, "estimate_status": "Open", "sku_name": "COND", "name": "Condenser", "price": 6480.0}]`,
		f.rows("select estimate_id, id, estimate_status, sku_name, name, price from st.estimate_items"))

	f.insert("payments", 6, `{"id": 6, "type": "Check", "total": "270.00", "date": "2026-02-12T00:00:00Z", "customer": {"id": 7}, "appliedTo": [{"appliedId": 61, "appliedTo": 9, "appliedAmount": "270.00"}]}`)
	require.JSONEq(t, `[{"payment_id": 6, "id": 61, "invoice_id": 9, "amount": 270.00, "payment_date": "2026-02-12"}]`,
		f.rows("select payment_id, id, invoice_id, amount, payment_date from st.payment_applications"))
}

// TestViewsShowLiveRows marks one of two records of each entity as deleted.
func TestViewsShowLiveRows(t *testing.T) {
	t.Parallel()
	f := newViews(t)
	for _, e := range viewed() {
		for id := range 2 {
			f.insert(e.Name, id+1, fmt.Sprintf(`{"id": %d, "items": [{}], "appliedTo": [{}]}`, id+1))
		}
		f.exec("update raw." + e.Table() + " set deleted_at = now() where st_id = 2")
	}
	for _, v := range views.All {
		require.EqualValues(t, 1, get[int64](f, "select count(*) from "+v.QualifiedName()), v.Name)
	}
}

// TestMergedRecordsAreResolved: 1 was merged into 2, which was merged into 3; 4 and 5 into each
// other, 6 into itself, 7 into one that is not there, 8 into the cycle, and 9 into one that is deleted.
func TestMergedRecordsAreResolved(t *testing.T) {
	t.Parallel()
	f := newViews(t)
	merges := map[int]int{1: 2, 2: 3, 4: 5, 5: 4, 6: 6, 7: 99, 8: 4, 9: 10}
	want := map[int]int{1: 3, 2: 3, 3: 3, 4: 4, 5: 5, 6: 6, 7: 99, 8: 8, 9: 10, 10: 10, 50: 50}
	for id := 1; id <= 10; id++ {
		record := fmt.Sprintf(`{"id": %d, "active": %t, "mergedToId": null, "customerId": %[1]d}`, id, merges[id] == 0)
		if merges[id] != 0 {
			record = strings.Replace(record, `"mergedToId": null`, fmt.Sprintf(`"mergedToId": %d`, merges[id]), 1)
		}
		f.insert("customers", id, record)
		f.insert("locations", id, record)
	}
	f.exec("update raw.st_customers set deleted_at = now() where st_id = 10; update raw.st_locations set deleted_at = now() where st_id = 10")
	f.exec(`insert into raw.st_customers (tenant_id, st_id, full_data, fetched_at, run_number) values (43, 3, '{"mergedToId": 44}', now(), 1)`) // of another tenant
	for id := range want {
		f.insert("jobs", id, fmt.Sprintf(`{"id": %d, "customerId": %[1]d, "locationId": %[1]d}`, id))
		f.insert("invoices", id, fmt.Sprintf(`{"id": %d, "customer": {"id": %[1]d}, "location": {"id": %[1]d}, "items": [{"id": 1}]}`, id))
	}
	f.insert("jobs", 1000, `{"id": 1000, "customerId": null}`)
	for id, survivor := range want {
		for _, view := range []string{"jobs", "invoices"} {
			require.JSONEq(t, fmt.Sprintf(`[{"customer_id": %d, "location_id": %[1]d}]`, survivor),
				f.rows(fmt.Sprintf("select customer_id, location_id from st.%s where tenant_id = 42 and id = %d", view, id)), "%s of %d", view, id)
		}
		require.EqualValues(t, survivor, get[int64](f, "select customer_id from st.invoice_items where tenant_id = 42 and invoice_id = $1", id))
		if id < 10 {
			for _, view := range []string{"customers", "locations"} {
				merged := fmt.Sprint(survivor)
				if survivor == id {
					merged = "null"
				}
				require.JSONEq(t, `[{"merged_to_id": `+merged+`}]`, f.rows(fmt.Sprintf("select merged_to_id from st.%s where tenant_id = 42 and id = %d", view, id)), "%s %d", view, id)
			}
		}
	}
	require.JSONEq(t, `[{"customer_id": null, "location_id": null}]`, f.rows("select customer_id, location_id from st.jobs where id = 1000"))
}

// TestViewsFindRowsByTheirKey looks at the plans: conditions reach the table, and tables of which a
// query needs no column are not read.
func TestViewsFindRowsByTheirKey(t *testing.T) {
	t.Parallel()
	f := newViews(t)
	plan := func(sql string) string {
		return get[string](f, "select plan from public.plan_of($1) plan", sql)
	}
	f.exec(`create function public.plan_of(sql text) returns text language plpgsql set enable_seqscan = off set enable_bitmapscan = off as $$
		declare line text; plan text := ''; begin
			for line in execute 'explain (verbose, costs off) ' || sql loop plan := plan || line || E'\n'; end loop;
			return plan;
		end $$`)
	for _, v := range views.All {
		id := "id"
		if c := v.Describe()[1]; c.Path == "id" {
			id = c.Name
		}
		whole := plan(fmt.Sprintf("select * from %s where tenant_id = 42 and %s = 7", v.QualifiedName(), id))
		require.Contains(t, whole, "Index Cond: ((t.tenant_id = 42) AND (t.st_id = 7))", "%s\n%s", v.Name, whole)
		require.NotContains(t, whole, "Seq Scan", "%s\n%s", v.Name, whole)
		few := plan(fmt.Sprintf("select modified_on from %s where tenant_id = 42 and modified_on > now()", v.QualifiedName()))
		require.Contains(t, few, "t.modified_on > now()", "%s\n%s", v.Name, few)
		require.Equal(t, 1, strings.Count(few, "raw."), "one table: %s\n%s", v.Name, few)
	}
}

// TestViewsAreReadInParallel: one function that is not safe in workers, in any column, would keep
// every query of the view from using them.
func TestViewsAreReadInParallel(t *testing.T) {
	t.Parallel()
	f := newViews(t)
	f.exec(`do $$ begin
		execute format('alter database %I set min_parallel_table_scan_size = 0', current_database());
		execute format('alter database %I set parallel_setup_cost = 0', current_database());
		execute format('alter database %I set parallel_tuple_cost = 0', current_database());
		execute format('alter database %I set enable_bitmapscan = off', current_database());
		execute format('alter database %I set enable_indexscan = off', current_database());
	end $$`)
	db := openPool(t, f.url)
	for _, v := range views.All {
		rows, err := db.Query(t.Context(), fmt.Sprintf("explain (costs off) select count(*) from %s where tenant_id = 42", v.QualifiedName()))
		require.NoError(t, err)
		plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		require.Contains(t, strings.Join(plan, "\n"), "Parallel Seq Scan", v.Name)
	}
}
