package servicetitan

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/entity"
)

const fieldsKey = "0123456789abcdef0123456789abcdef"

// testPolicy returns a policy of path=action rules for customers.
func testPolicy(rules string) *FieldPolicy {
	var all []entity.FieldRule
	for part := range strings.SplitSeq(rules, ";") {
		path, action, _ := strings.Cut(part, "=")
		all = append(all, entity.FieldRule{Entity: "customers", Path: path, Action: entity.FieldAction(action)})
	}
	return NewFieldPolicy(entity.NewFieldPolicy(all), fieldsKey)
}

// hashOf returns the hash of a value as the documentation says.
func hashOf(text string) string {
	m := hmac.New(sha256.New, []byte(fieldsKey))
	m.Write([]byte(text))
	return hex.EncodeToString(m.Sum(nil))
}

func TestAppliedFieldPolicy(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ rules, in, want string }{
		{"name=drop", `{"id":1,"name":"x","type":"y"}`, `{"id":1,"type":"y"}`},
		{"name=drop", `{"name":"x","id":1}`, `{"id":1}`},
		{"name=drop", `{"id":1,"name":"x"}`, `{"id":1}`},
		{"name=drop", `{"name":"x"}`, `{}`},
		{"name=drop", `{}`, `{}`},
		{"name=drop", `{ "id" : 1 , "name" : "x" , "big":12345678901234567890.10 }`, `{"id" : 1,"big":12345678901234567890.10}`},
		{"name=drop", `{"id":1,"name":{"a":[{"name":"x"}]},"b":{"name":"kept"}}`, `{"id":1,"b":{"name":"kept"}}`},
		// Equal keys, escaped keys and other cases are the same field.
		{"name=drop", `{"name":"x","id":1,"name":"y","\u006eame":"z","NAME":"v","Nam\u0065":"w"}`, `{"id":1}`},
		{"address.street=drop", `{"address":{"street":"x"},"address":{"Street":"y","city":"z"}}`, `{"address":{},"address":{"city":"z"}}`},
		{"a.b=drop", `{"\u0061":{"\u0062":"x","c":1}}`, `{"\u0061":{"c":1}}`},
		// Arrays are transparent, also in arrays.
		{"items.sku=drop", `{"items":[{"sku":"x","n":1},{"n":2,"sku":"y"},"z",[{"sku":"v"}],null]}`, `{"items":[{"n":1},{"n":2},"z",[{}],null]}`},
		{"tags=drop", `{"tags":["x",["y"]],"id":1}`, `{"id":1}`},
		{"items.*.code=drop", `{"items":[{"a":{"code":"x","d":1},"b":[{"code":"y"}],"code":"kept"}]}`, `{"items":[{"a":{"d":1},"b":[{}],"code":"kept"}]}`},
		// What is kept within an object or array that is dropped.
		{"address=drop;address.zip=keep", `{"id":1,"address":{"street":"x","zip":"1","city":"y"}}`, `{"id":1,"address":{"zip":"1"}}`},
		{"address=drop;address.zip=keep", `{"id":1,"address":{"street":"x"},"b":2}`, `{"id":1,"b":2}`},
		{"address=drop;address.zip=keep", `{"id":1,"address":null,"b":2}`, `{"id":1,"b":2}`},
		{"address=drop;address.zip=keep", `{"id":1,"address":"x"}`, `{"id":1}`},
		{"items=drop;items.id=keep", `{"items":["x",{"id":1,"n":"y"},[{"id":2,"n":"z"},"v"],{"n":"w"}],"n":1}`, `{"items":[{"id":1},[{"id":2}]],"n":1}`},
		{"*=drop;type=keep", `{"id":1,"name":"x","modifiedOn":null,"active":true,"type":"y","address":{"zip":"z"},"Id":"kept"}`, `{"id":1,"modifiedOn":null,"active":true,"type":"y","Id":"kept"}`},
		// Hashes.
		{"name=hash", `{"id":1,"name":"Dana"}`, `{"id":1,"name":"` + hashOf("Dana") + `"}`},
		{"name=hash", `{"name":"D\u0061na"}`, `{"name":"` + hashOf("Dana") + `"}`},
		{"name=hash", `{"name":"\u00e9\n\"\\\ud83d\ude00"}`, `{"name":"` + hashOf("é\n\"\\😀") + `"}`},
		{"name=hash", `{"name":""}`, `{"name":"` + hashOf("") + `"}`},
		{"name=hash", `{"name":null}`, `{"name":null}`},
		{"name=hash", `{"name":true,"b":true}`, `{"name":"` + hashOf("true") + `","b":true}`},
		{"name=hash", `{"name":-1.50e3}`, `{"name":"` + hashOf("-1.50e3") + `"}`},
		{"name=hash", `{"name":["a",{"b":"c","d":null},[1]]}`, `{"name":["` + hashOf("a") + `",{"b":"` + hashOf("c") + `","d":null},["` + hashOf("1") + `"]]}`},
		{"name=hash", `{"name":{},"a":[]}`, `{"name":{},"a":[]}`},
		{"address=hash;address.zip=keep;address.street=drop", `{"address":{"zip":"1","street":"x","city":"y"}}`, `{"address":{"zip":"1","city":"` + hashOf("y") + `"}}`},
		{"address.*=hash", `{"address":{"zip":"1","city":{"a":"b"}}}`, `{"address":{"zip":"` + hashOf("1") + `","city":{"a":"` + hashOf("b") + `"}}}`},
		{"name=keep", `{ "id":1,"name":"x"}`, `{ "id":1,"name":"x"}`},
	} {
		require.True(t, json.Valid([]byte(c.in)), c.in)
		in := []byte(c.in)
		require.Equal(t, c.want, string(testPolicy(c.rules).rewriter("customers").record(in)), "%s: %s", c.rules, c.in)
		require.Equal(t, c.in, string(in), "the record is left as it is")
	}
	require.Equal(t, `{"id":1}`, string(NewFieldPolicy(testPolicy("name=hash").rules, "").rewriter("customers").record([]byte(`{"id":1,"name":"x"}`))), "without a key")
}

// Without rules for the entity, a page is decoded as without a policy.
func TestAFieldPolicyOfAnotherEntityAllocatesNothing(t *testing.T) {
	jobs := NewFieldPolicy(entity.NewFieldPolicy([]entity.FieldRule{{Entity: "jobs", Path: "*", Action: entity.HashField}}), fieldsKey)
	e := customers(t)
	body := []byte(`{"hasMore":false,"data":[{"id":1,"name":"x"},{"id":2,"name":"\u00e9"}]}`)
	allocations := func(fields *FieldPolicy) float64 {
		return testing.AllocsPerRun(100, func() {
			page, err := decodePage(e, e.Start(), body, fields)
			require.NoError(t, err)
			require.Same(t, &body[25], &page.Records[0].Raw[0])
		})
	}
	require.InDelta(t, allocations(nil), allocations(jobs), 0.5)
	require.Greater(t, allocations(nil), 5.0)
}

func TestRecordsOfOneRewriter(t *testing.T) {
	t.Parallel()
	w := testPolicy("name=drop").rewriter("customers")
	long := strings.Repeat("x", recordChunk-100)
	var got [][]byte
	for i := range 40 {
		got = append(got, w.record(fmt.Appendf(nil, `{"id":%d,"name":"n","note":%q}`, i, long[:len(long)*(i%3)/2])))
	}
	for i, record := range got {
		require.Equal(t, fmt.Sprintf(`{"id":%d,"note":%q}`, i, long[:len(long)*(i%3)/2]), string(record))
		require.Equal(t, len(record), cap(record))
	}
}

func TestDigestOfAFieldPolicy(t *testing.T) {
	t.Parallel()
	digest := func(rules string, key Secret) string {
		return NewFieldPolicy(testPolicy(rules).rules, key).Digest("customers")
	}
	require.Equal(t, digest("name=drop;type=drop", "a"), digest("Type=drop;name=drop", "b"), "without hashes, the key does not matter")
	require.NotEqual(t, digest("name=drop", ""), digest("name=hash", ""))
	require.NotEqual(t, digest("name=hash", "a"), digest("name=hash", "b"))
	require.Len(t, digest("name=hash", "a"), 32)
	require.Empty(t, testPolicy("name=drop").Digest("jobs"))
	require.Empty(t, testPolicy("name=keep").Digest("customers"))
	require.Empty(t, (*FieldPolicy)(nil).Digest("customers"))
}

// A marker is in every part of the response that a policy of customers.name and customers.address covers, or
// that cannot be read as a record.
func TestNothingOfADroppedFieldIsLeft(t *testing.T) {
	t.Parallel()
	const marker = "mrkr"
	policy := testPolicy("name=drop;address=hash")
	for name, data := range map[string]string{
		"good":               `{"id":1,"name":"mrkr","address":{"street":["mrkr"]}}`,
		"escaped":            `{"id":1,"n\u0061me":"\u006drkr mrkr","ADDRESS":{"mrkr_":1,"x":"mrkr"}}`,
		"zero bytes":         `{"id":1,"name":"\u0000mrkr","note":"\u0000"}`,
		"no id":              `{"name":"mrkr","address":"mrkr"}`,
		"bad date":           `{"id":1,"modifiedOn":true,"name":"mrkr"}`,
		"a string":           `"mrkr"`,
		"a list":             `["mrkr"]`,
		"not JSON":           `{"id":1,"name":"mrkr",,"address":"mrkr"},{"id":2}`,
		"an unclosed string": `{"id":1,"name":"mrkr,"address":"mrkr"},{"id":2,"name":"mrkr"}`,
		"a missing comma":    `{"id":1,"name":"mrkr"}{"id":2,"name":"mrkr"}`,
		"truncated":          `{"id":1,"name":"mrkr`,
	} {
		for _, body := range []string{
			`{"hasMore":false,"data":[` + data + `],"page":1}`, `{"hasMore":false,"data":[` + data + `],mrkr:"mrkr"}`, `{"hasMore":false,"mrkr":mrkr,"data":[` + data + `]}`,
			`{"hasMore":"mrkr","data":[` + data + `]}`, `{"hasMore":false,"data":"mrkr"}`, `{"hasMore":mrkr,"data":[` + data + `]}`, `"mrkr"`, `mrkr`, `{"data":[` + data,
		} {
			body = strings.Replace(body, "mrkr_", "x", 1)
			api := newFakeAPI(t, respond(200, body))
			client := api.client(func(o *Options) { o.Fields = policy })
			for range anyFaults {
				page, err := client.Page(t.Context(), testTenant, customers(t), customers(t).Start(), false)
				if err != nil {
					require.NotContains(t, err.Error(), marker, "%s: %s", name, body)
					continue
				}
				requireNoMarker(t, page, marker, name+": "+body)
			}
		}
	}
}

func requireNoMarker(t *testing.T, page entity.Page, marker, what string) {
	t.Helper()
	require.NotContains(t, strings.Join(page.Warnings, "\n"), marker, what)
	for _, r := range page.Records {
		require.NotContains(t, string(r.Raw)+string(r.Received), marker, what)
	}
	for _, r := range page.Rejected {
		require.NotContains(t, string(r.Raw)+r.Reason, marker, what)
	}
}

func TestErrorsDoNotQuoteBodiesOfEntitiesWithAFieldPolicy(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status int
		body   string
		want   string
	}{
		{400, `{"mrkr":"mrkr"}`, "the body of 15 bytes is not quoted, because SYNC_FIELDS names the entity"},
		{502, `mrkr`, "the body of 4 bytes is not quoted"},
		{400, `{"title":"Bad request","status":400}`, "Bad request"},
		{502, `<html>Bad gateway</html>`, "Bad gateway"},
	} {
		client := newFakeAPI(t, respond(c.status, c.body)).client(func(o *Options) { o.Fields = testPolicy("name=drop") })
		_, err := client.Page(t.Context(), testTenant, customers(t), customers(t).Start(), false)
		require.ErrorContains(t, err, c.want)
		require.NotContains(t, err.Error(), "mrkr")
	}
}

// FuzzFieldPolicy applies policies to any record: the result is JSON, without what is dropped, and what is
// kept has the same values.
func FuzzFieldPolicy(f *testing.F) {
	for i, seed := range []string{
		`{"id":1,"name":"mrkr","address":{"street":"mrkr","zip":["mrkr"]}}`, `{"n\u0061me":"mrkr","a":[{"b":{"c":1}},[[]],{}]}`, `{"name":1,"name":{"zip":2}}`, `{ "a" : 1 , "b" : [ 1 , 2 ] }`,
	} {
		f.Add([]byte(seed), uint8(i))
	}
	policies := []string{"name=drop;address=drop", "*=drop;address.zip=keep", "*.zip=drop;name=hash", "*=hash", "a=drop;a.b=keep;a.*.c=drop", "*.*=drop;*.*.*=keep"}
	f.Fuzz(func(t *testing.T, record []byte, which uint8) {
		var before map[string]any
		if json.Unmarshal(record, &before) != nil || before == nil {
			return
		}
		rules := policies[int(which)%len(policies)]
		w := testPolicy(rules).rewriter("customers")
		record = []byte(strings.TrimSpace(string(record)))
		got := string(w.record(record))
		var after map[string]any
		require.NoError(t, json.Unmarshal([]byte(got), &after), "%s: %s", rules, got)
		for name := range after {
			require.Contains(t, before, name)
		}
		if strings.HasPrefix(rules, "name=drop") {
			for name, value := range before {
				if strings.EqualFold(name, "name") || strings.EqualFold(name, "address") {
					require.NotContains(t, after, name)
				} else {
					require.Equal(t, value, after[name])
				}
			}
			require.Equal(t, got, string(w.record([]byte(got))), "once is enough")
		}
	})
}

// BenchmarkFieldPolicy decodes a page without a policy, and with two, in turn.
func BenchmarkFieldPolicy(b *testing.B) {
	e := customers(b)
	body := benchmarkPage()
	policies := map[string]*FieldPolicy{"none": nil, "drop": testPolicy("address.street=drop"), "hash": testPolicy("name=hash;address.street=hash")}
	names := []string{"none", "drop", "hash"}
	spent := map[string]time.Duration{}
	for b.Loop() {
		for _, name := range names {
			began := time.Now()
			page, err := decodePage(e, e.Start(), body, policies[name])
			spent[name] += time.Since(began)
			if err != nil || len(page.Records) == 0 {
				b.Fatal(err)
			}
		}
	}
	for _, name := range names[1:] {
		b.ReportMetric(float64(spent[name])/float64(spent["none"]), name+"/none")
	}
}
