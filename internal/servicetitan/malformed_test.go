package servicetitan

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/jsonscan"
)

// readRepeatedly requests a page until it is read, or fails permanently.
func readRepeatedly(t *testing.T, c *Client, e entity.Entity, at entity.Cursor) (page entity.Page, tries int, err error) {
	t.Helper()
	for tries = 1; tries <= 2*anyFaults; tries++ {
		var typed *Error
		page, err = c.Page(t.Context(), testTenant, e, at, false)
		if err == nil {
			return page, tries, nil
		}
		require.ErrorAs(t, err, &typed)
		if typed.Permanent() {
			return page, tries, err
		}
	}
	return page, tries, err
}

func ids(page entity.Page) (out []string) {
	for _, r := range page.Records {
		out = append(out, r.ID)
	}
	return out
}

// TestMalformedRecordIsRejectedAlone: a page with a record that is not JSON is requested three
// times. Then its other records are stored, and the malformed one is rejected with its bytes.
func TestMalformedRecordIsRejectedAlone(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", 20000) + strings.Repeat("]", 20000)
	for name, c := range map[string]struct {
		bad string
		id  string // which can be read before the damage
		why string
	}{
		"a control character in a string":   {"{\"id\":2,\"name\":\"a\x01b\"}", "2", `invalid character '\x01' in string literal at byte 17 of the record, byte 69 of the page`},
		"a line break in a string":          {"{\"id\":2,\"name\":\"a\nb\"}", "2", `invalid character '\n' in string literal`},
		"a tab in a key":                    {"{\"id\":2,\"na\tme\":1}", "2", `invalid character '\t' in string literal`},
		"not a number":                      {`{"id":2,"balance":NaN}`, "2", "invalid character 'N' looking for beginning of value at byte 18 of the record"},
		"not a number, several times":       {`{"id":2,"a":NaN,"items":[{"id":5,"p":1},{"id":6,"p":NaN}],"b":-NaN}`, "2", "invalid character 'N'"},
		"infinity":                          {`{"id":2,"balance":Infinity}`, "2", "invalid character 'I'"},
		"minus infinity":                    {`{"id":2,"balance":-Infinity}`, "2", "invalid character 'I' in numeric literal"},
		"undefined":                         {`{"id":2,"name":undefined}`, "2", "invalid character 'u'"},
		"a literal that is cut":             {`{"id":2,"active":tru}`, "2", "invalid character '}' in literal true"},
		"a literal in capitals":             {`{"id":2,"active":True}`, "2", "invalid character 'T'"},
		"a bad escape":                      {`{"id":2,"name":"a\xb"}`, "2", `invalid character 'x' in string escape code`},
		"a bad unicode escape":              {`{"id":2,"name":"\u12g4"}`, "2", `in \u hexadecimal character escape`},
		"leading zeros":                     {`{"id":2,"zip":007}`, "2", "invalid character '0' after object key:value pair"},
		"a plus sign":                       {`{"id":2,"n":+1}`, "2", "invalid character '+'"},
		"a number that ends in a point":     {`{"id":2,"n":1.}`, "2", "after decimal point in numeric literal"},
		"a number of hexadecimal digits":    {`{"id":2,"n":0x1F}`, "2", "invalid character 'x'"},
		"a comma too many":                  {`{"id":2,,"name":"b"}`, "2", "invalid character ','"},
		"a comma at the end":                {`{"id":2,"name":"b",}`, "2", "invalid character '}'"},
		"a comma that is missing":           {`{"id":2,"name":"b" "active":true}`, "2", "invalid character '\"' after object key:value pair"},
		"a colon that is missing":           {`{"id":2,"name" "b"}`, "2", "after object key"},
		"a value that is missing":           {`{"id":2,"name":}`, "2", "invalid character '}' looking for beginning of value"},
		"single quotes":                     {`{'id':2}`, "", `invalid character '\''`},
		"a key without quotes":              {`{"id":2,name:"b"}`, "2", "invalid character 'n'"},
		"a comment":                         {`{"id":2,/* note */"name":"b"}`, "2", "invalid character '/'"},
		"a quote too many":                  {`{"id":2,"name":"5" pipe"}`, "2", "invalid character 'p' after object key:value pair"},
		"a quote too many, and brackets":    {`{"id":2,"name":"5" [pipe","items":[{"id":9}]}`, "2", "invalid character '['"},
		"a quote that is missing":           {`{"id":2,"name":"b}`, "2", "unexpected end of JSON input"},
		"a bracket that is missing":         {`{"id":2,"address":{"zip":1}`, "2", "unexpected end of JSON input"},
		"a bracket of the wrong kind":       {`{"id":2,"items":[1,2}}`, "2", "invalid character '}' after array element"},
		"the fault is before the id":        {`{"name":NaN,"id":2}`, "", "invalid character 'N'"},
		"no record but a word":              {`oops`, "", "invalid character 'o'"},
		"a record that is nested too deep":  {`{"id":2,"deep":` + deep + `}`, "2", "exceeded max depth"},
		"a NUL between two fields":          {"{\"id\":2,\x00\"name\":1}", "2", `invalid character '\x00'`},
		"something that follows the record": {`{"id":2}x`, "", "invalid character 'x' after top-level value"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for place, data := range map[string]string{
				"first":  c.bad + `,{"id":1},{"id":3,"name":"},{"}`,
				"middle": `{"id":1},` + c.bad + ` , {"id":3,"name":"},{"}`,
				"last":   `{"id":1},{"id":3,"name":"},{"},` + c.bad,
			} {
				if place == "last" && (name == "a quote that is missing" || name == "a bracket that is missing") {
					continue // looks like a truncated page, or includes the envelope
				}
				body := `{"hasMore":true,"continueFrom":"t","data":[` + data + `],"page":1}`
				api := newFakeAPI(t, respond(200, body))
				page, tries, err := readRepeatedly(t, api.client(), customers(t), customers(t).Start())
				require.NoError(t, err, place)
				require.Equal(t, 3, tries, place)
				require.Equal(t, []string{"1", "3"}, ids(page), place)
				require.Equal(t, "t", page.Next.Token)
				require.False(t, page.Last)
				require.Equal(t, serverClock, page.Date)
				require.Len(t, page.Rejected, 1, place)
				require.Equal(t, c.bad, string(page.Rejected[0].Raw), place)
				require.Equal(t, c.id, page.Rejected[0].ID, place)
				require.Contains(t, page.Rejected[0].Reason, "record is not JSON: ")
				if place == "middle" || !strings.Contains(c.why, "of the page") {
					require.Contains(t, page.Rejected[0].Reason, c.why, place)
				}
			}
		})
	}
}

// TestEachMalformedRecordIsRejected: no other record is rejected.
func TestEachMalformedRecordIsRejected(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		data string
		good []string
		bad  []string
		says []string // warnings
	}{
		"two side by side":         {`{"id":1},{"id":2,"a":NaN},{"id":3,"b":NaN},{"id":4}`, []string{"1", "4"}, []string{`{"id":2,"a":NaN}`, `{"id":3,"b":NaN}`}, nil},
		"two with quotes too many": {`{"id":1,"n":"5" x"},{"id":2,"n":"b"},{"id":3,"n":"6" y"},{"id":4}`, []string{"2", "4"}, []string{`{"id":1,"n":"5" x"}`, `{"id":3,"n":"6" y"}`}, nil},
		"none but bad ones":        {`NaN`, nil, []string{`NaN`}, nil},
		"a comma too many":         {`{"id":1},,{"id":2}`, []string{"1", "2"}, nil, []string{"the page has a comma too many at byte 52: a record may be missing"}},
		"a comma at the end":       {`{"id":1},{"id":2},`, []string{"1", "2"}, nil, []string{"the page has a comma too many at byte 60: a record may be missing"}},
		"a comma at the beginning": {`,{"id":1}`, []string{"1"}, nil, []string{"the page has a comma too many at byte 43: a record may be missing"}},
		"a comma that is missing":  {`{"id":1}{"id":2}`, []string{"1", "2"}, nil, []string{"the page lacks a comma at byte 51"}},
		"three commas missing":     {`{"id":1}{"id":2}{"id":3}{"id":4}`, []string{"1", "2", "3", "4"}, nil, []string{"the page lacks a comma at byte 51, and in 2 more places"}},
		"white space that is none": {"\f{\"id\":1},\u00a0{\"id\":2}", []string{"1", "2"}, nil, []string{"a record is surrounded by characters that are not JSON white space at byte 43, and in 1 more place"}},
		"a good null among bad":    {`null,{"id":2,"a":NaN},{"id":3}`, []string{"3"}, []string{`null`, `{"id":2,"a":NaN}`}, nil},
		"nested records":           {`{"id":1,"items":[{"id":8,"n":"5" x"},{"id":9},{"id":10}],"t":1},{"id":2}`, []string{"2"}, []string{`{"id":1,"items":[{"id":8,"n":"5" x"},{"id":9},{"id":10}],"t":1}`}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := newFakeAPI(t, respond(200, `{"hasMore":true,"continueFrom":"t","data":[`+c.data+`]}`))
			page, _, err := readRepeatedly(t, api.client(), customers(t), customers(t).Start())
			require.NoError(t, err)
			require.Equal(t, c.good, ids(page))
			var bad []string
			for _, r := range page.Rejected {
				bad = append(bad, string(r.Raw))
			}
			require.Equal(t, c.bad, bad)
			require.Equal(t, c.says, page.Warnings)
		})
	}
}

// A proxy that damages every record or field of a page causes few warnings: the outcome has all of them.
func TestADamagedPageHasFewWarnings(t *testing.T) {
	t.Parallel()
	records, fields := make([]string, 1000), make([]string, 1000)
	for i := range records {
		records[i] = fmt.Sprintf("\u00a0{\"id\":%d}", i+1)
		fields[i] = fmt.Sprintf(`"f%03d":NaN`, i)
	}
	api := newFakeAPI(t, respond(200, `{"hasMore":true,"continueFrom":"t","data":[`+strings.Join(records, ",")+`],`+strings.Join(fields, ",")+`}`))
	page, _, err := readRepeatedly(t, api.client(), customers(t), customers(t).Start())
	require.NoError(t, err)
	require.Len(t, page.Records, 1000)
	require.Len(t, page.Warnings, 1+warnedFields+1)
	require.Equal(t, "a record is surrounded by characters that are not JSON white space at byte 43, and in 999 more places", page.Warnings[0])
	require.Contains(t, page.Warnings[1], "field f000 of the page is not JSON: NaN at byte")
	require.Equal(t, "and 990 more such fields", page.Warnings[warnedFields+1])
}

// TestDamageThatMayHideRecordsIsReported: a sweep must not mark records as deleted that the damage
// may hide. A record without an end may contain the next ones, so that its id is unknown; a surplus
// comma may replace a record.
func TestDamageThatMayHideRecordsIsReported(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]entity.Page{
		`{"id":1,"n":"b},{"active":true,"id":2},{"id":3}`:       {Rejected: []entity.Rejected{{ID: ""}}},
		`{"id":1,"n":"b},{"id":2,"n":"c},{"id":3},{"id":4}`:     {Rejected: []entity.Rejected{{ID: ""}}},
		`{"id":1,"n":"b},{"id":2},{"id":3}`:                     {Rejected: []entity.Rejected{{ID: "1"}}},
		`{"id":1,"items":[{"id":8,"n":NaN},{"id":9}]},{"id":3}`: {Rejected: []entity.Rejected{{ID: "1"}}},
		`{"id":1,"a":NaN},,{"id":3}`:                            {Rejected: []entity.Rejected{{ID: "1"}}, DamagedPlaces: 1},
		`,{"id":1},{"id":2},`:                                   {DamagedPlaces: 2},
		`{"id":1}{"id":2}`:                                      {},
	} {
		api := newFakeAPI(t, respond(200, `{"hasMore":true,"continueFrom":"t","data":[`+data+`]}`))
		page, _, err := readRepeatedly(t, api.client(), customers(t), customers(t).Start())
		require.NoError(t, err, data)
		require.Equal(t, want.DamagedPlaces, page.DamagedPlaces, data)
		require.Len(t, page.Rejected, len(want.Rejected), data)
		for i, r := range want.Rejected {
			require.Equal(t, r.ID, page.Rejected[i].ID, data)
		}
	}
}

// TestMalformedEnvelope: damage in an optional field is a warning. In a required field it fails the
// page permanently after three attempts, with the position.
func TestMalformedEnvelope(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body string
		warn string
		fail string
	}{
		"the total":                  {`{"totalCount":NaN,"hasMore":true,"continueFrom":"t","data":[{"id":1}]}`, "field totalCount of the page is not JSON: NaN at byte 14 of the response", ""},
		"an unknown field":           {`{"hasMore":true,"continueFrom":"t","data":[{"id":1}],"page":01}`, "field page of the page is not JSON: 01 at byte 60 of the response", ""},
		"commas around fields":       {`{,"hasMore":true,,"continueFrom":"t","data":[{"id":1}],}`, "", ""},
		"a name":                     {"{\"x\x01\":1,\"hasMore\":true,\"continueFrom\":\"t\",\"data\":[{\"id\":1}]}", `the page has a field whose name is not JSON at byte 1: "x":1`, ""},
		"a name without quotes":      {`{page:{"a":1},"hasMore":true,"continueFrom":"t","data":[{"id":1}]}`, `the page has a field whose name is not JSON at byte 1: page:{"a":1}`, ""},
		"a name in the middle":       {`{"hasMore":true,page=1,"continueFrom":"t","data":[{"id":1}]}`, "the page has a field whose name is not JSON at byte 16: page=1", ""},
		"a name at the end":          {`{"hasMore":true,"continueFrom":"t","data":[{"id":1}],page=1}`, "the page has a field whose name is not JSON at byte 53: page=1", ""},
		"a NUL behind it":            {"{\"hasMore\":true,\"continueFrom\":\"t\",\"data\":[{\"id\":1}]}\x00", "the page is followed by text that is not JSON at byte 53", ""},
		"a comment behind it":        {`{"hasMore":true,"continueFrom":"t","data":[{"id":1}]}<!-- cached -->`, "the page is followed by text that is not JSON at byte 53", ""},
		"whether there is more":      {`{"hasMore":tru,"continueFrom":"t","data":[{"id":1}]}`, "", "hasMore is tru at byte 11 of the response, want a boolean"},
		"the token":                  {"{\"hasMore\":true,\"continueFrom\":\"t\x01\",\"data\":[{\"id\":1}]}", "", `continueFrom is "t" at byte 31 of the response, want a string`},
		"no array of records":        {`{"hasMore":true,"continueFrom":"t","data":nil}`, "", "data is nil at byte 42 of the response, want an array"},
		"two responses":              {`{"hasMore":false,"data":[]}{"hasMore":false,"data":[]}`, "", "malformed JSON: invalid character '{' after top-level value at byte 27"},
		"brackets that do not match": {`{"hasMore":false,"data":[{"id":1}}`, "", "malformed JSON: invalid character '}' after array element at byte 33"},
		"a word at the end":          {`{"hasMore":true,"continueFrom":"t","data":[{"id":1}],x}`, "the page has a field whose name is not JSON at byte 53: x", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			page, tries, err := readRepeatedly(t, newFakeAPI(t, respond(200, c.body)).client(), customers(t), customers(t).Start())
			if c.fail != "" {
				require.ErrorContains(t, err, c.fail)
				require.LessOrEqual(t, tries, unrepairable)
				return
			}
			require.NoError(t, err)
			require.Equal(t, []string{"1"}, ids(page))
			require.Equal(t, "t", page.Next.Token)
			require.Equal(t, c.warn, strings.Join(page.Warnings, ", "))
		})
	}
	// The last page of a feed needs no new token: the feed resumes at the token of that page.
	last := "{\"hasMore\":false,\"continueFrom\":\"\x01\",\"data\":[{\"id\":1}]}"
	page, _, err := readRepeatedly(t, newFakeAPI(t, respond(200, last)).client(), customers(t), entity.Cursor{Feed: entity.Export, Token: "here"})
	require.NoError(t, err)
	require.Equal(t, "here", page.Next.Token)
	require.True(t, page.Last)
}

// TestTruncatedPageIsRetried: the missing part may contain any records, so that a truncated page is
// never stored.
func TestTruncatedPageIsRetried(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		``, `{`, `{"hasMore":false,"continueFrom":"t","data":[{"id":1},{"id`, `{"hasMore":false,"data":[{"id":1}]`, `{"hasMore":false,"data":[{"id":1,"n":"a`,
		`{"hasMore":false,"data":[{"id":1,"n":"\u00`, `{"hasMore":false,"data":[{"id":1,"n":1.`, `{"hasMore":fals`,
	} {
		client := newFakeAPI(t, respond(200, body)).client()
		for range 2 * anyFaults {
			err := pageError(t, client)
			require.False(t, err.Permanent(), body)
			require.ErrorContains(t, err, "the response is truncated: its JSON is incomplete after ")
		}
	}
}

// TestUnclosedLastRecordIsMalformed: a page whose last string has no closing quote ends within that
// string. It is malformed, not truncated.
func TestUnclosedLastRecordIsMalformed(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{`{"id":2,"name":"b}`, `{"id":2,"name":"c:\"}`, `{"id":2,"tags":["a","b]}`} {
		api := newFakeAPI(t, respond(200, `{"hasMore":true,"continueFrom":"t","data":[{"id":1},`+bad+`]}`))
		page, tries, err := readRepeatedly(t, api.client(), customers(t), customers(t).Start())
		require.NoError(t, err, bad)
		require.Equal(t, 3, tries)
		require.Equal(t, []string{"1"}, ids(page))
		require.Len(t, page.Rejected, 1)
		require.Equal(t, bad, string(page.Rejected[0].Raw))
		require.Equal(t, "2", page.Rejected[0].ID)
	}
}

// TestUnreadablePagesFailTheEntity: a page without a valid record fails its entity, even if each
// response differs.
func TestUnreadablePagesFailTheEntity(t *testing.T) {
	t.Parallel()
	n := 0
	api := newFakeAPI(t, func(w http.ResponseWriter, _ *http.Request) {
		n++
		fmt.Fprintf(w, `{"hasMore":false,"request":%d,"data":[{"id":1}}`, n)
	})
	_, tries, err := readRepeatedly(t, api.client(), customers(t), customers(t).Start())
	require.ErrorContains(t, err, "it received so 10 times")
	require.Equal(t, anyFaults, tries)
}

// TestCountOfAMalformedPage: the count is read even if the record in the page is not JSON; no
// content counts as none.
func TestCountOfAMalformedPage(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]int{
		`{"hasMore":true,"totalCount":7,"data":[{"id":1,"n":NaN}]}`: 7,
		`{"hasMore":true,"totalCount":NaN,"data":[{"id":1}]}`:       -1,
		`{"hasMore":tru,"totalCount":7,"data":[{"id":1}]}`:          7,
		`{"hasMore" true,"totalCount":7,"data":[{"id":1}]}`:         7,
		`{"totalCount":7,"data":[{"id":1}}`:                         -1,
	} {
		total, err := newFakeAPI(t, respond(200, body)).client().Count(t.Context(), testTenant, customers(t))
		require.NoError(t, err, body)
		require.Equal(t, want, total, body)
	}
	total, err := newFakeAPI(t, respond(204, "")).client().Count(t.Context(), testTenant, customers(t))
	require.NoError(t, err)
	require.Zero(t, total)
}

// TestProbeAcceptsNoContent: a 204 is a valid response.
func TestProbeAcceptsNoContent(t *testing.T) {
	t.Parallel()
	date, err := newFakeAPI(t, respond(204, "")).client().Probe(t.Context(), testTenant, customers(t))
	require.NoError(t, err)
	require.Equal(t, serverClock, date)
}

// TestResponseWithoutJSONIsRetried: such a response is from a proxy.
func TestResponseWithoutJSONIsRetried(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`<html>`, " \r\n<!DOCTYPE html>", `OK`, "\x1f\x8b\x08"} {
		client := newFakeAPI(t, respond(200, body)).client()
		for range 2 * anyFaults {
			err := pageError(t, client)
			require.False(t, err.Permanent(), body)
			require.ErrorContains(t, err, "the response is not JSON; the body begins with ")
		}
	}
}

// TestDifferentDamageIsRetried: a page is repaired only if its damage repeats, because damage in
// transit differs.
func TestDifferentDamageIsRetried(t *testing.T) {
	t.Parallel()
	n := 0
	api := newFakeAPI(t, func(w http.ResponseWriter, _ *http.Request) {
		if n++; n%3 == 0 {
			fmt.Fprint(w, emptyExport)
			return
		}
		fmt.Fprintf(w, `{"hasMore":false,"continueFrom":"t%d","data":[{"id":1,"a":NaN}]}`, n)
	})
	client := api.client()
	for range 5 {
		require.False(t, pageError(t, client).Permanent())
		require.False(t, pageError(t, client).Permanent())
		_, err := client.Page(t.Context(), testTenant, customers(t), customers(t).Start(), false)
		require.NoError(t, err, "the page received whole in between")
	}

	n = 0
	changing := newFakeAPI(t, func(w http.ResponseWriter, _ *http.Request) {
		n++
		fmt.Fprintf(w, `{"hasMore":false,"continueFrom":"t","data":[{"id":1},{"id":2,"n":%d,"a":NaN}]}`, n)
	})
	page, tries, err := readRepeatedly(t, changing.client(), customers(t), customers(t).Start())
	require.NoError(t, err)
	require.Equal(t, anyFaults, tries, "and not for ever")
	require.Equal(t, []string{"1"}, ids(page))

	n = 0
	tokens := newFakeAPI(t, func(w http.ResponseWriter, _ *http.Request) {
		n++
		fmt.Fprintf(w, `{"hasMore":true,"continueFrom":"t%d","data":[{"id":1,"a":NaN}]}`, n)
	})
	_, tries, err = readRepeatedly(t, tokens.client(), customers(t), customers(t).Start())
	require.NoError(t, err)
	require.Equal(t, sameFaults, tries, "a token of another moment is no other fault")
}

// TestByteOrderMarkIsIgnored: also in responses of the token server.
func TestByteOrderMarkIsIgnored(t *testing.T) {
	t.Parallel()
	api := newFakeAPI(t, respond(200, "\xef\xbb\xbf"+`{"hasMore":false,"continueFrom":"t","data":[{"id":1}]}`))
	api.token = respond(200, "\xef\xbb\xbf"+`{"access_token":"t","expires_in":900}`)
	page, err := api.client().Page(t.Context(), testTenant, customers(t), customers(t).Start(), false)
	require.NoError(t, err)
	require.Equal(t, []string{"1"}, ids(page))
	err = pageError(t, newFakeAPI(t, respond(400, "\xef\xbb\xbf"+`{"title":"Bad request"}`)).client())
	require.ErrorContains(t, err, ": Bad request")
}

// FuzzRepair: a repaired page is a valid page, with only records of the original.
func FuzzRepair(f *testing.F) {
	f.Add([]byte(`{"hasMore":true,"continueFrom":"t","data":[{"id":1,"n":"5" x"},{"id":2},{"id":NaN}],"page":1}`))
	f.Add([]byte(`{"data":[{"id":1,,},,{"id":2}]],"hasMore":tru}`))
	f.Add([]byte(`[{"id":1,"a":{"b":2},{"id":2}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, shape := range []entity.Shape{entity.Pages, entity.Data, entity.Array} {
			r := repair(shape, body)
			if r == nil {
				continue
			}
			require.True(t, jsonscan.Valid(r.body))
			for _, bad := range r.damaged {
				require.Contains(t, string(body), string(bad.raw))
				require.Less(t, bad.fault, max(1, len(bad.raw)+1))
			}
			_, _ = decodeRepaired(customers(t), entity.Cursor{Feed: entity.Export}, r, nil)
		}
	})
}
