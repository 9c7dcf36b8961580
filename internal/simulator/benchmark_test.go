package simulator_test

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/simulator"
)

// BenchmarkServe reads complete entities over HTTP without parsing: records/s is the rate of the
// simulator.
func BenchmarkServe(b *testing.B) {
	const records = 50_000
	api := start(b, simulator.Options{Seed: 1, RecordsPerEntity: records, ExportPageSize: 5000, RequestsPerSecond: -1})
	for name, path := range map[string]string{
		"list/customers":  "/crm/v2/tenant/{tenant}/customers?active=Any&sort=%2BId&pageSize=5000",
		"list/modified":   "/crm/v2/tenant/{tenant}/customers?active=Any&modifiedOnOrAfter=2019-01-01&pageSize=5000",
		"export/invoices": "/accounting/v2/tenant/{tenant}/export/invoices?includeRecentChanges=true",
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				for page, next := 1, path; next != ""; page++ {
					next = api.follow(b, path, next, page)
				}
			}
			b.ReportMetric(float64(records*b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

// follow reads a page and returns the path of the next, "" after the last.
func (a *api) follow(b *testing.B, path, at string, page int) string {
	response, err := http.DefaultClient.Do(a.request(b, at))
	require.NoError(b, err)
	head := make([]byte, 256)
	_, err = io.ReadFull(response.Body, head)
	require.NoError(b, err)
	_, err = io.Copy(io.Discard, response.Body)
	require.NoError(b, err)
	require.NoError(b, response.Body.Close())
	require.Equal(b, http.StatusOK, response.StatusCode)
	if !bytes.Contains(head, []byte(`"hasMore":true`)) {
		return ""
	}
	if _, token, ok := strings.Cut(string(head), `"continueFrom":"`); ok {
		token, _, _ = strings.Cut(token, `"`)
		return path + "&from=" + url.QueryEscape(token)
	}
	return path + "&page=" + string(rune('0'+(page+1)/10)) + string(rune('0'+(page+1)%10))
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		simulator.New(simulator.Options{Seed: 1, RecordsPerEntity: 10_000})
	}
	b.ReportMetric(float64(40_000*b.N)/b.Elapsed().Seconds(), "records/s")
}
