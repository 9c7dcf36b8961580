package servicetitan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/entity"
)

// decode decodes data as a page of e's export feed.
func decode(t testing.TB, e entity.Entity, data string) entity.Page {
	t.Helper()
	page, err := decodePage(e, entity.Cursor{Feed: entity.Export}, []byte(`{"hasMore":false,"continueFrom":"t","data":[`+data+`]}`), nil)
	require.NoError(t, err)
	return page
}

func TestIDs(t *testing.T) {
	t.Parallel()
	number, text := entity.Int64ID, entity.TextID
	long := strings.Repeat("x", 257)
	for _, c := range []struct {
		key    entity.Key
		record string
		id     string
		reason string // "" for a valid record
	}{
		{number, `{"id":1}`, "1", ""},
		{number, `{"id" : 9223372036854775807 }`, "9223372036854775807", ""},
		{number, `{"id":1,"id":2}`, "2", ""},
		{number, `{"\u0069d":3}`, "3", ""},
		{number, `{"child":{"id":9},"id":4}`, "4", ""},
		{text, `{"id":"6f1c-a"}`, "6f1c-a", ""},
		{text, `{"id":"a\u0000\ud800b"}`, "a\uFFFD\uFFFDb", ""},
		{text, `{"id":"` + long[:256] + `"}`, long[:256], ""},
		{text, `{"id":"` + long + `"}`, "", "want a string of 1 to 256 bytes"},
		{text, `{"id":""}`, "", `id is "", want`},
		{text, `{"id":7}`, "", "id is 7"},
	} {
		page := decode(t, entity.Entity{Key: c.key}, c.record)
		if c.reason == "" {
			require.Len(t, page.Records, 1, c.record)
			require.Equal(t, c.id, page.Records[0].ID)
			require.Empty(t, page.Rejected)
			continue
		}
		require.Empty(t, page.Records, c.record)
		require.Len(t, page.Rejected, 1, c.record)
		require.Contains(t, page.Rejected[0].Reason, c.reason)
		require.Empty(t, page.Rejected[0].ID)
		require.Equal(t, c.record, string(page.Rejected[0].Raw))
	}
}

func TestModifiedOn(t *testing.T) {
	t.Parallel()
	at := func(nsec int) time.Time { return time.Date(2026, 2, 11, 16, 4, 52, nsec, time.UTC) }
	for value, want := range map[string]time.Time{
		`"2026-02-11T16:04:52Z"`:             at(0),
		`"2026-02-11T16:04:52.9137229Z"`:     at(913722000),
		`"2026-02-11T16:04:52.999999999Z"`:   at(999999000),
		`"2026-02-11T16:04:52.99999999999Z"`: at(999999000),
		`"2026-02-11T16:04:52.5"`:            at(500000000),
		`"2026-02-11T16:04:52"`:              at(0),
		`"2026-02-11T08:04:52-08:00"`:        at(0),
		`"1900-01-01T00:00:00Z"`:             time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC),
		`"0001-01-01T00:00:00"`:              {},
		`"0001-01-01T00:00:00.0000000Z"`:     {},
		`"0001-01-01T00:00:00-08:00"`:        {},
		`null`:                               {},
	} {
		page := decode(t, customers(t), `{"id":1,"modifiedOn":`+value+`}`)
		require.Len(t, page.Records, 1, value)
		require.Equal(t, want, page.Records[0].ModifiedOn, value)
	}
	for _, value := range []string{
		`""`, `"yesterday"`, `"2026-02-30T00:00:00Z"`, `"2026-02-11"`, `"1899-12-31T23:59:59Z"`, `"10000-01-01T00:00:00Z"`,
		`"9999-12-31T23:59:59-08:00"`, `"0001-02-01T00:00:00Z"`, `1770825892`, `true`, `{}`,
	} {
		page := decode(t, customers(t), `{"id":1,"modifiedOn":`+value+`}`)
		require.Empty(t, page.Records, value)
		require.Equal(t, "1", page.Rejected[0].ID)
		require.Contains(t, page.Rejected[0].Reason, "modifiedOn is ")
	}
	require.Zero(t, decode(t, customers(t), `{"id":1}`).Records[0].ModifiedOn)
}

func TestDeletedFlag(t *testing.T) {
	t.Parallel()
	gone := entity.Entity{Inactive: entity.Deleted}
	for _, c := range []struct {
		entity entity.Entity
		feed   entity.Feed
		active string
		want   bool
	}{
		{gone, entity.Export, `false`, true},
		{gone, entity.Export, `true`, false},
		{gone, entity.Export, `null`, false},
		{gone, entity.Export, `"false"`, false},
		{gone, entity.List, `false`, false},
		{entity.Entity{}, entity.Export, `false`, false},
	} {
		page, err := decodePage(c.entity, entity.Cursor{Feed: c.feed}, []byte(`{"hasMore":false,"data":[{"id":1,"active":`+c.active+`}]}`), nil)
		require.NoError(t, err)
		require.Equal(t, c.want, page.Records[0].Deleted, "%+v", c)
	}
}

func TestTextThatJSONBCannotStore(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ in, want string }{
		"nothing":                   {`a`, `a`},
		"nul":                       {`a\u0000b`, `a\ufffdb`},
		"escaped backslash":         {`\\u0000`, `\\u0000`},
		"two backslashes and nul":   {`\\\u0000`, `\\\ufffd`},
		"other escapes":             {`\n\"\/\u00e9\u0001`, `\n\"\/\u00e9\u0001`},
		"pair":                      {`\ud83d\ude00`, `\ud83d\ude00`},
		"pair in capitals":          {`\uD83D\uDE00`, `\uD83D\uDE00`},
		"high alone":                {`\ud83dx`, `\ufffdx`},
		"high at the end":           {`\ud83d`, `\ufffd`},
		"low alone":                 {`\ude00`, `\ufffd`},
		"high before a pair":        {`\ud83d\ud83d\ude00`, `\ufffd\ud83d\ude00`},
		"low before high":           {`\ude00\ud83d`, `\ufffd\ufffd`},
		"high, then nul":            {`\ud83d\u0000`, `\ufffd\ufffd`},
		"high, then another escape": {`\ud83d\n`, `\ufffd\n`},
		"high, then half in text":   {`\ud83d\\ude00`, `\ufffd\\ude00`},
		"not UTF-8":                 {"a\xffb", "a\uFFFDb"},
		"surrogate in UTF-8":        {"a\xed\xa0\x80b", "a\uFFFDb"},
		"both":                      {"\xff\\u0000", "\uFFFD\\ufffd"},
		"noncharacter":              {"\uFFFF", "\uFFFF"},
	} {
		for _, form := range []string{`{"id":1,"note":"%s"}`, `{"%s":0.10,"id":1}`} {
			in, want := fmt.Sprintf(form, c.in), fmt.Sprintf(form, c.want)
			page := decode(t, customers(t), in)
			require.Len(t, page.Records, 1, name)
			require.Equal(t, want, string(page.Records[0].Raw), name)
			require.Equal(t, "1", page.Records[0].ID)
		}
	}
}

func TestRecordsKeepTheirBytes(t *testing.T) {
	t.Parallel()
	record := `{ "id" :1, "big":12345678901234567890.10, "exp":1e200000, "a":1, "a":2, "deep":` +
		strings.Repeat(`[`, 3000) + strings.Repeat(`]`, 3000) + `}`
	body := []byte(`{"hasMore":false,"data":[` + record + `]}`)
	page, err := decodePage(customers(t), entity.Cursor{Feed: entity.Export}, body, nil)
	require.NoError(t, err)
	require.Equal(t, record, string(page.Records[0].Raw))
	require.Same(t, &body[bytes.IndexByte(body, '[')+1], &page.Records[0].Raw[0], "a part of the body, not a copy")
}

// TestEqualFields counts the last of equal fields, as jsonb does.
func TestEqualFields(t *testing.T) {
	t.Parallel()
	page, err := decodePage(customers(t), entity.Cursor{Feed: entity.Export}, []byte(`{"hasMore":true,"hasMore":false,"data":[{"id":1},7],"data":[
		{"id":2,"modifiedOn":"2026-02-11T16:04:52Z","modifiedOn":"2026-02-12T16:04:52Z"}],"totalCount":1,"totalCount":3}`), nil)
	require.NoError(t, err)
	require.True(t, page.Last)
	require.Equal(t, 3, page.Total)
	require.Empty(t, page.Rejected)
	require.Len(t, page.Records, 1)
	require.Equal(t, "2", page.Records[0].ID)
	require.Equal(t, 12, page.Records[0].ModifiedOn.Day())
}

func TestPageWithARepeatedRecord(t *testing.T) {
	t.Parallel()
	version := func(id int, modified, name string) string {
		return fmt.Sprintf(`{"id":%d,"modifiedOn":%s,"name":%q}`, id, modified, name)
	}
	early, late := `"2026-01-01T00:00:00Z"`, `"2026-01-02T00:00:00Z"`
	page := decode(t, customers(t), strings.Join([]string{
		version(1, late, "kept"), version(2, early, "older"), version(1, early, "stale"), version(3, late, "earlier of two"),
		version(2, late, "newer"), version(3, late, "later of two"), version(4, early, "dated"), version(4, "null", "undated"),
	}, ","))
	var got []string
	for _, r := range page.Records {
		var fields struct{ Name string }
		require.NoError(t, json.Unmarshal(r.Raw, &fields))
		got = append(got, r.ID+" "+fields.Name)
	}
	require.Equal(t, []string{"1 kept", "2 newer", "3 later of two", "4 dated"}, got)
}

func TestNextCursor(t *testing.T) {
	t.Parallel()
	export, list := entity.Export, entity.List
	for name, c := range map[string]struct {
		at   entity.Cursor
		body string
		next entity.Cursor
		last bool
		says string // the error, and whether it is permanent
	}{
		"export continues":         {entity.Cursor{Feed: export}, `{"hasMore":true,"continueFrom":"b","data":[]}`, entity.Cursor{Feed: export, Token: "b"}, false, ""},
		"export ends":              {entity.Cursor{Feed: export, Token: "a"}, `{"hasMore":false,"continueFrom":"b","data":[]}`, entity.Cursor{Feed: export, Token: "b"}, true, ""},
		"export keeps its token":   {entity.Cursor{Feed: export, Token: "a"}, `{"hasMore":false,"data":[]}`, entity.Cursor{Feed: export, Token: "a"}, true, ""},
		"empty token":              {entity.Cursor{Feed: export, Token: "a"}, `{"hasMore":false,"continueFrom":"","data":[]}`, entity.Cursor{Feed: export, Token: "a"}, true, ""},
		"export stands still":      {entity.Cursor{Feed: export, Token: "a"}, `{"hasMore":true,"continueFrom":"a","data":[{"id":1}]}`, entity.Cursor{}, false, `true continueFrom did not advance: it is still "a"`},
		"export loses its token":   {entity.Cursor{Feed: export, Token: "a"}, `{"hasMore":true,"continueFrom":null,"data":[{"id":1}]}`, entity.Cursor{}, false, "true continueFrom did not advance"},
		"list continues":           {entity.Cursor{Feed: list, Page: 4}, `{"hasMore":true,"data":[{"id":1}]}`, entity.Cursor{Feed: list, Page: 5}, false, ""},
		"list of rejected records": {entity.Cursor{Feed: list}, `{"hasMore":true,"data":[{}]}`, entity.Cursor{Feed: list, Page: 2}, false, ""},
		"list ends":                {entity.Cursor{Feed: list, Page: 4}, `{"hasMore":false,"data":[]}`, entity.Cursor{Feed: list, Page: 5}, true, ""},
		"list page is empty":       {entity.Cursor{Feed: list, Page: 4}, `{"hasMore":true,"data":[]}`, entity.Cursor{}, false, "false page 4 is empty although hasMore is true"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			page, err := decodePage(customers(t), c.at, []byte(c.body), nil)
			if c.says != "" {
				var shape *shapeError
				require.ErrorAs(t, err, &shape)
				require.Contains(t, fmt.Sprint(shape.permanent, " ", shape.message), c.says)
				return
			}
			require.NoError(t, err)
			page.Next.LoopGuard = entity.LoopGuard{}
			require.Equal(t, c.next, page.Next)
			require.Equal(t, c.last, page.Last)
		})
	}
}

const benchmarkRecords = 5000

// benchmarkPage returns a page of records of about 1.2 KB.
func benchmarkPage() []byte {
	var body bytes.Buffer
	body.WriteString(`{"hasMore":true,"continueFrom":"t","data":[`)
	for i := range benchmarkRecords {
		if i > 0 {
			body.WriteByte(',')
		}
		fmt.Fprintf(&body, `{"id":%d,"active":true,"name":"Dana Whitfield","type":"Residential","address":{"street":"4821 Maple Ave","unit":null,`+
			`"city":"Glendale","state":"CA","zip":"91203","country":"USA","latitude":34.1466,"longitude":-118.2551},"balance":250.0,"taxExempt":false,`+
			`"customFields":[{"typeId":1187,"name":"Gate code","value":"4471"},{"typeId":1188,"name":"Notes","value":"%s \"quoted\" \u00e9"}],`+
			`"createdOn":"2021-07-19T20:35:38.2876004Z","createdById":3305,"modifiedOn":"2026-02-11T16:04:52.9137221Z","mergedToId":null,"externalData":[]}`,
			i+1, strings.Repeat("the dog is friendly, ", 33))
	}
	body.WriteString(`]}`)
	return body.Bytes()
}

// BenchmarkDecodePage splits a page of 5000 records of about 1.2 KB.
func BenchmarkDecodePage(b *testing.B) {
	body := benchmarkPage()
	e := customers(b)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		page, err := decodePage(e, e.Start(), body, nil)
		if err != nil || len(page.Records) != benchmarkRecords {
			b.Fatalf("%d records: %v", len(page.Records), err)
		}
	}
	b.ReportMetric(float64(b.N*benchmarkRecords)/b.Elapsed().Seconds(), "records/s")
}
