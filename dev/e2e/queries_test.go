package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/storage"
	"github.com/stretchr/testify/require"
)

// requireQueriesAnswered runs the query of every panel of the dashboard against two scrapes
// of a process, which must answer it, and those of the alerts, whose selectors must find
// series.
func requireQueriesAnswered(t *testing.T, url string) {
	t.Helper()
	var first string
	require.Eventually(t, func() bool { // the gauges are read in the background, from each source apart
		first = call(t, "GET", url, "").body
		return strings.Contains(first, "lazisync_database_size_bytes ") && strings.Contains(first, "lazisync_dead_letters ") &&
			strings.Contains(first, "lazisync_stream_bytes{")
	}, waitLimit, 10*tick)
	database := promqltest.LoadedStorage(t, "")
	t.Cleanup(func() { require.NoError(t, database.Close()) })
	load(t, database, first, time.Unix(0, 0))
	load(t, database, call(t, "GET", url, "").body, time.Unix(60, 0))
	engine := promqltest.NewTestEngine(t, false, 0, promqltest.DefaultMaxSamplesPerQuery)
	answer := func(expression string) promql.Vector {
		query, err := engine.NewInstantQuery(t.Context(), database, nil, expression, time.Unix(60, 0))
		require.NoError(t, err, expression)
		defer query.Close()
		result := query.Exec(t.Context())
		require.NoError(t, result.Err, expression)
		vector, err := result.Vector()
		require.NoError(t, err, expression)
		return append(promql.Vector{}, vector...)
	}
	deployed := filepath.Join("..", "..", "deploy")
	for _, expression := range dashboardQueries(t, filepath.Join(deployed, "grafana", "dashboards", "lazisync.json")) {
		require.NotEmpty(t, answer(expression), expression)
	}
	groups, errs := rulefmt.ParseFile(filepath.Join(deployed, "prometheus", "alerts.yml"), false)
	require.Empty(t, errs)
	for _, rule := range groups.Groups[0].Rules {
		answer(rule.Expr)
		parsed, err := parser.ParseExpr(rule.Expr)
		require.NoError(t, err)
		for _, matchers := range parser.ExtractSelectors(parsed) {
			var list []string
			for _, m := range matchers {
				list = append(list, m.String())
			}
			require.NotEmpty(t, answer("{"+strings.Join(list, ",")+"}"), "%s: nothing exports %v", rule.Alert, list)
		}
	}
}

func dashboardQueries(t *testing.T, path string) (list []string) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var dashboard struct {
		Panels []struct{ Targets []struct{ Expr string } }
	}
	require.NoError(t, json.Unmarshal(text, &dashboard))
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			list = append(list, target.Expr)
		}
	}
	require.NotEmpty(t, list)
	return list
}

// load stores a scrape.
func load(t *testing.T, database storage.Storage, text string, at time.Time) {
	t.Helper()
	appender := database.Appender(t.Context())
	for _, one := range parseMetrics(t, []byte(text)) {
		_, err := appender.Append(0, one.series, at.UnixMilli(), one.value)
		require.NoError(t, err)
	}
	require.NoError(t, appender.Commit())
}
