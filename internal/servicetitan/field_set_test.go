package servicetitan

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/entity"
)

func TestFieldsOfAPage(t *testing.T) {
	t.Parallel()
	many := func(form string, n int) string {
		keys := make([]string, n)
		for i := range keys {
			keys[i] = fmt.Sprintf(`"`+form+`":{"since":1}`, string(rune('a'+i/26))+string(rune('a'+i%26)))
		}
		return strings.Join(keys, ",")
	}
	for name, c := range map[string]struct {
		records string
		want    string
	}{
		"of all records":              {`{"id":1,"name":"x"},{"name":null,"id":2,"active":true},{"id":3}`, "active id name"},
		"of objects":                  {`{"id":1,"address":{"city":"x","geo":{"lat":1}}},{"id":2,"address":null},{"address":{"zip":1},"id":3}`, "address address.city address.geo address.geo.lat address.zip id"},
		"of objects in arrays":        {`{"id":1,"items":[{"sku":1},7,{"cost":{"amount":1}},[{"x":1}]],"tags":[1,2],"none":[]}`, "id items items.cost items.cost.amount items.sku items.x none tags"},
		"of arrays in arrays":         {`{"id":1,"items":[{"parts":[{"a":1},{"b":1}],"c":1},{"d":1}],"e":1}`, "e id items items.c items.d items.parts items.parts.a items.parts.b"},
		"behind other elements":       {`{"id":1,"a":[1,[[2,{"b":1}]]]},{"id":2,"a":{"b":1,"c":1}}`, "a a.b a.c id"},
		"with escapes":                {`{"\u0069d":1,"na\u006de":{"\u0061":1}}`, "id name name.a"},
		"equal fields":                {`{"id":1,"a":{"b":1},"a":{"c":1}}`, "a a.b a.c id"},
		"of a rejected record":        {`{"name":"without an id"}`, "name"},
		"with text to be replaced":    {`{"id":1,"n":"\u0000","a":{"\u0000":1,"b":"\ud800"}}`, "a a.* id n"},
		"no records":                  {``, ""},
		"of levels":                   {`{"id":1,"a":{"b":{"c":{"d":{"e":{"f":1}}}}}}`, "a a.b a.b.c a.b.c.d a.b.c.d.e id"},
		"ids as keys":                 {`{"id":1,"external":{"12345":{"at":1},"9":{"by":2}}}`, "external external.* external.*.at external.*.by id"},
		"people as keys":              {`{"id":1,"phones":{"Dana Whitfield":1,"dana":2}},{"id":2,"phones":{"robin":3}}`, "id phones phones.*"},
		"some data among the keys":    {`{"id":1,"phones":{"dana":{"x":1}}},{"id":2,"phones":{"3fa85f64-5717":{"y":1}}}`, "id phones phones.* phones.*.y"},
		"GUIDs and addresses as keys": {`{"id":1,"a":{"3fa85f64-5717-4562-b3fc-2c963f66afa6":1},"b":{"c3fa85f645717":1},"c":{"d@x.com":1},"d":{"":1},"e":{"` + strings.Repeat("x", 65) + `":1}}`, "a a.* b b.* c c.* d d.* e e.* id"},
		"a hundred keys":              {`{"id":1,"m":{` + many("k%s", 100) + `}}`, ""},
		"more than a hundred keys":    {`{"id":1,"m":{` + many("k%s", 101) + `}}`, "id m m.* m.*.since"},
		"keys of the record":          {`{"id":1,"Dana Whitfield":{"at":1},"name":"x"}`, "* *.at id name"},
	} {
		got := decode(t, customers(t), c.records).Fields
		if c.want == "" && c.records != "" {
			require.Len(t, got, 202, name)
			continue
		}
		require.Equal(t, strings.Fields(c.want), append([]string{}, got...), name)
	}
}

// A page of many maps whose keys look like field names keeps a bounded number of names.
func TestFieldsOfAPageAreBounded(t *testing.T) {
	t.Parallel()
	var fields []string
	name := func(n int) string { return string(rune('a'+n/26)) + string(rune('a'+n%26)) }
	for i := range 90 {
		var keys []string
		for j := range 90 {
			keys = append(keys, `"`+name(j)+`":1`)
		}
		fields = append(fields, `"m`+name(i)+`":{`+strings.Join(keys, ",")+`}`)
	}
	page := decode(t, customers(t), `{"id":1,`+strings.Join(fields, ",")+`}`)
	require.Len(t, page.Records, 1)
	names, others := 0, 0
	for _, f := range page.Fields {
		if strings.HasSuffix(f, entity.OtherFields) {
			others++
		} else {
			names++
		}
	}
	require.Equal(t, entity.MaxFields, names)
	require.LessOrEqual(t, others, maxObjectFields)
	require.Positive(t, others)
}

// FuzzFieldSet: collecting the fields finds the same records and the same faults as not doing it.
func FuzzFieldSet(f *testing.F) {
	for _, seed := range []string{
		`{"id":1,"a":[{"b":[{"c":{"d":[[{"e":1}]]}}]}]}`, `{"id":1,"a":[{"b":1},]}`, `{"id":1,"a":{"b":}}`, `{"id":1,"a":[{]}`, `{"id":1,"a":[ {"b" : "\u00e9"} , 1 ]}`,
		`{"id":1,"a":[{"b":{"c":{"d":{"e":{"f":[{}]}}}}}],"` + "\xff" + `":{}}`, `{"id":1,"A":{"B":{"9":1}}}`,
	} {
		f.Add([]byte(seed))
	}
	e := customers(f)
	f.Fuzz(func(t *testing.T, record []byte) {
		body := append(append([]byte(`{"hasMore":false,"data":[`), record...), `]}`...)
		with, without := newDecoder(e, entity.Export, nil), newDecoder(e, entity.Export, nil)
		without.fields, without.paths = nil, nil
		_, ok := scanPage(entity.Pages, body, with)
		_, same := scanPage(entity.Pages, body, without)
		require.Equal(t, same, ok)
		if ok {
			require.Equal(t, without.records, with.records)
			require.Equal(t, without.rejected, with.rejected)
		}
		// Unless a page has very many paths, maps, or records that are not kept, all records have no other fields.
		if ok && with.received < 50 && with.received == len(with.records) && !strings.Contains(fmt.Sprint(with.fields.paths()), entity.OtherFields) {
			var all fieldSet
			for _, r := range with.records {
				all.add(r.Raw)
			}
			require.Subset(t, with.fields.paths(), all.paths(), "no path is missed")
		}
		for _, path := range with.fields.paths() {
			require.LessOrEqual(t, len(path), entity.MaxFieldLevels*(maxFieldName+1))
		}
	})
}

// BenchmarkFields decodes pages with and without their fields, in turn, and reports how much longer it
// takes with them.
func BenchmarkFields(b *testing.B) {
	customer := `{"id":%d,"active":true,"name":"Dana Whitfield","type":"Residential","address":{"street":"4821 Maple Ave","unit":null,` +
		`"city":"Glendale","state":"CA","zip":"91203","country":"USA","latitude":34.1466,"longitude":-118.2551},"balance":250.0,"taxExempt":false,` +
		`"customFields":[{"typeId":1187,"name":"Gate code","value":"4471"}],"tagTypeIds":[310,512],"doNotMail":false,"doNotService":false,` +
		`"createdOn":"2021-07-19T20:35:38.2876004Z","createdById":3305,"modifiedOn":"2026-02-11T16:04:52.9137221Z","mergedToId":null,"externalData":[]}`
	item := `{"id":1,"description":"<p>Replace the igniter and clean the flame sensor</p>","quantity":"1.00","cost":"42.10","price":"189.00","sku":` +
		`{"name":"IGN-200","displayName":"Igniter"},"type":"Material","taxable":true,"modifiedOn":"2026-02-11T16:04:52.9137221Z"}`
	invoice := strings.Replace(strings.Replace(customer, `"customFields":[`, `"items":[`+strings.Repeat(item+",", 11)+item+`],"customFields":[`, 1), `"name":"Dana Whitfield"`, `"summary":"x"`, 1)
	for name, form := range map[string]string{"customers": customer, "invoices": invoice} {
		b.Run(name, func(b *testing.B) {
			var records []string
			for i := range 400 {
				records = append(records, fmt.Sprintf(form, i+1))
			}
			body := []byte(`{"hasMore":true,"continueFrom":"t","data":[` + strings.Join(records, ",") + `]}`)
			e := customers(b)
			took := [2]time.Duration{time.Hour, time.Hour} // the least, which other work on the machine changes least
			for b.Loop() {
				for i := range took {
					began := time.Now()
					d := newDecoder(e, entity.Export, nil)
					if i == 0 {
						d.fields, d.paths = nil, nil
					}
					_, ok := scanPage(entity.Pages, body, d)
					d.fields.paths()
					took[i] = min(took[i], time.Since(began))
					if !ok || len(d.records) != len(records) {
						b.Fatal(ok, len(d.records))
					}
				}
			}
			perRecord := float64(len(records))
			b.ReportMetric(took[1].Seconds()/took[0].Seconds(), "times-as-long")
			b.ReportMetric((took[1]-took[0]).Seconds()*1e9/perRecord, "extra-ns/record")
			b.ReportMetric(took[1].Seconds()*1e9/perRecord, "ns/record")
		})
	}
}
