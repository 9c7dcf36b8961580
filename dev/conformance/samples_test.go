package conformance

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/simulator"
)

// sample is a request to the API, its response, and the rows that result.
type sample struct {
	name     string
	entity   entity.Entity
	at       entity.Cursor
	request  string   // with {tenant}
	answer   string   // JSON
	rows     []string // JSON objects of columns
	rejected []string // reasons
}

// readSamples reads testdata/samples.txt, which describes its format.
func readSamples(t *testing.T) (all []*sample) {
	t.Helper()
	text, err := os.ReadFile("testdata/samples.txt")
	require.NoError(t, err)
	_, text2, _ := strings.Cut(string(text), "\n# name, then:")
	for line := range strings.Lines(text2) {
		sign, stopActions, _ := strings.Cut(strings.TrimSpace(line), " ")
		if sign == "#" {
			all = append(all, &sample{name: stopActions})
			continue
		}
		if len(all) == 0 || sign == "" {
			continue
		}
		s := all[len(all)-1]
		switch sign {
		case "@":
			s.of(t, strings.Fields(stopActions))
		case ">":
			s.request = stopActions
		case "<":
			require.True(t, json.Valid([]byte(stopActions)), stopActions)
			s.answer = stopActions
		case "=":
			s.rows = append(s.rows, stopActions)
		case "!":
			s.rejected = append(s.rejected, stopActions)
		default:
			require.Fail(t, "not a line of a sample", line)
		}
	}
	return all
}

// parseListing reads "entity listing", or "entity listing since time".
func (s *sample) of(t *testing.T, words []string) {
	t.Helper()
	var found bool
	s.entity, found = entity.Find(words[0])
	require.True(t, found, words[0])
	s.at.Feed = entity.Feed(words[1])
	if len(words) == 4 {
		var err error
		s.at.Since, err = time.Parse(time.RFC3339, words[3])
		require.NoError(t, err)
	}
}

// TestClientStoreAndSimulatorMatchSamples compares client, store and simulator with samples written
// by hand, so that they cannot share a mistake.
func TestClientStoreAndSimulatorMatchSamples(t *testing.T) {
	t.Parallel()
	samples := readSamples(t)
	require.Len(t, samples, 35)
	var entities []entity.Entity
	for _, s := range samples {
		entities = append(entities, s.entity)
	}
	db := newDatabase(t, entities...)
	for _, s := range samples {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			p := newPipeline(t, db, simulator.Options{}, s.entity.Name)
			p.requireForm(s)
			p.requireRows(s)
		})
	}
}

// requireRows lets the client send the request, answers it with the sample, and stores that.
func (p *pipeline) requireRows(s *sample) {
	p.Helper()
	var queries []string
	p.answer = func(api http.Handler, w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/connect/token" {
			api.ServeHTTP(w, r)
			return
		}
		queries = append(queries, r.URL.RequestURI())
		_, _ = io.WriteString(w, s.answer)
	}
	page, err := p.source.Client.Page(p.Context(), events.TenantID(p.tenant), s.entity, s.at, false)
	require.NoError(p, err)
	require.Equal(p, []string{strings.Replace(s.request, "{tenant}", p.tenant, 1)}, queries)
	require.True(p, page.Last)
	require.Len(p, page.Rejected, len(s.rejected))
	for i, reason := range s.rejected {
		require.Contains(p, page.Rejected[i].Reason, reason)
	}

	run := p.begin(events.Full, false, s.entity.Name)
	at, err := p.store.Open(p.Context(), run.Target(s.entity))
	require.NoError(p, err)
	at, err = p.store.StorePage(p.Context(), run.Target(s.entity), at, page)
	require.NoError(p, err)
	require.Equal(p, int64(len(s.rows)), at.Inserted)
	require.Empty(p, at.Warnings, "cast failures")
	for _, want := range s.rows {
		p.requireRow(s.entity, want)
	}
}

// requireRow compares the columns that want names; "deleted" means that deleted_at is set.
func (p *pipeline) requireRow(e entity.Entity, want string) {
	p.Helper()
	key := gjson.Get(want, "st_id").String()
	got := value[string](p, fmt.Sprintf(`
		select to_jsonb(t) || jsonb_build_object('deleted', deleted_at is not null) from raw.%s t where tenant_id = $1 and st_id::text = $2`, e.Table()),
		p.tenant, key)
	gjson.Parse(want).ForEach(func(column, wanted gjson.Result) bool {
		held := gjson.Get(got, column.Str)
		require.True(p, held.Exists(), "there is no column %s", column.Str)
		require.Equal(p, wanted.Raw, held.Raw, "%s of %s", column.Str, key)
		return true
	})
}

// requireForm sends the request to the simulator, and requires that its response has the form of
// the sample.
func (p *pipeline) requireForm(s *sample) {
	p.Helper()
	address, err := url.Parse(p.url + strings.Replace(s.request, "{tenant}", p.tenant, 1))
	require.NoError(p, err)
	request, err := http.NewRequestWithContext(p.Context(), http.MethodGet, address.String(), nil)
	require.NoError(p, err)
	request.Header.Set("Authorization", "Bearer "+p.bearer())
	request.Header.Set("ST-App-Key", simulator.DefaultAppKey)
	response, err := http.DefaultClient.Do(request)
	require.NoError(p, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(p, err)
	require.Equal(p, http.StatusOK, response.StatusCode, "%s", body)
	p.requireNothingIgnored(s.entity.Name)

	got, want := gjson.ParseBytes(body), gjson.Parse(s.answer)
	require.Equal(p, want.IsArray(), got.IsArray())
	records := got.Array()
	if want.IsObject() {
		require.ElementsMatch(p, names(want), names(got), "the fields around the records")
		records = got.Get("data").Array()
	}
	require.NotEmpty(p, records)
	for _, record := range append(want.Get("data").Array(), arrayOf(want)...) {
		requireFields(p, s.entity.Name, record, records)
	}
}

func arrayOf(r gjson.Result) []gjson.Result {
	if r.IsArray() {
		return r.Array()
	}
	return nil
}

// bearer returns an access token of the simulator.
func (p *pipeline) bearer() string {
	p.Helper()
	response, err := http.PostForm(p.url+"/connect/token", url.Values{
		"grant_type": {"client_credentials"}, "client_id": {simulator.DefaultClientID}, "client_secret": {simulator.DefaultClientSecret},
	})
	require.NoError(p, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(p, err)
	return gjson.GetBytes(body, "access_token").Str
}

func names(object gjson.Result) (found []string) {
	object.ForEach(func(key, _ gjson.Result) bool {
		found = append(found, key.Str)
		return true
	})
	return found
}

// requireFields requires that every record has the fields of the sample, with values of the same
// form where they are not null.
func requireFields(t testing.TB, path string, want gjson.Result, records []gjson.Result) {
	t.Helper()
	want.ForEach(func(key, wanted gjson.Result) bool {
		field := path + "." + key.Str
		var inner []gjson.Result
		for _, r := range records {
			got := r.Get(gjson.Escape(key.Str))
			require.True(t, got.Exists(), "the simulator's records have no %s", field)
			if got.Type == gjson.Null || wanted.Type == gjson.Null {
				continue
			}
			require.Equal(t, form(wanted), form(got), "%s: %s", field, got.Raw)
			if a, b := wanted.Get("0"), got.Get("0"); wanted.IsArray() && a.Exists() && b.Exists() {
				require.Equal(t, form(a), form(b), "%s[0]: %s", field, got.Raw)
			}
			inner = append(inner, got)
		}
		if wanted.IsObject() {
			requireFields(t, field, wanted, inner)
		}
		return true
	})
}

func form(r gjson.Result) string {
	switch {
	case r.IsArray():
		return "array"
	case r.IsObject():
		return "object"
	case r.IsBool():
		return "flag"
	}
	return r.Type.String()
}
