package e2e

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/storage"
	"github.com/stretchr/testify/require"
)

// scrape has the metrics of a process by series, none if it does not respond.
type scrape map[string]sample

type sample struct {
	series labels.Labels
	value  float64
}

func (s scrape) has(name string) bool {
	for _, one := range s {
		if one.series.Get(labels.MetricName) == name {
			return true
		}
	}
	return false
}

func readMetrics(t *testing.T, p *process) scrape {
	t.Helper()
	response, err := http.Get(p.admin + "/metrics")
	if err != nil {
		return scrape{"up": {upSeries, 0}}
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return parseMetrics(t, text)
}

var upSeries = labels.FromStrings(labels.MetricName, "up", "job", "lazisync", "role", "serve")

// parseMetrics parses a scrape as Prometheus does, with the labels of its target.
func parseMetrics(t *testing.T, text []byte) scrape {
	t.Helper()
	found := scrape{"up": {upSeries, 1}}
	parse := textparse.NewPromParser(text, labels.NewSymbolTable(), false)
	for {
		entry, err := parse.Next()
		if errors.Is(err, io.EOF) {
			return found
		}
		require.NoError(t, err)
		if entry == textparse.EntrySeries {
			var series labels.Labels
			parse.Labels(&series)
			_, _, v := parse.Series()
			found[series.String()] = sample{labels.NewBuilder(series).Set("job", "lazisync").Set("role", "serve").Labels(), v}
		}
	}
}

const (
	faultMinute     = 60
	repairMinute    = 360
	timelineMinutes = 600
	maxSamples      = 50_000_000 // as many as Prometheus loads for a query by default
)

// firingMinutes returns the minutes in which an alert fires.
func firingMinutes(t *testing.T, rule rulefmt.Rule, once bool, before, during, after scrape) (minutes []int) {
	t.Helper()
	database := promqltest.LoadedStorage(t, "")
	defer func() { require.NoError(t, database.Close()) }()
	storeSeries(t, database, rule, once, before, during, after)
	engine := promqltest.NewTestEngine(t, false, 0, maxSamples)
	query, err := engine.NewRangeQuery(t.Context(), database, nil, rule.Expr, time.Unix(0, 0), time.Unix((timelineMinutes-1)*60, 0), time.Minute)
	require.NoError(t, err)
	defer query.Close()
	result := query.Exec(t.Context())
	require.NoError(t, result.Err)
	matrix, err := result.Matrix()
	require.NoError(t, err)
	var holds [timelineMinutes]bool
	for _, series := range matrix {
		for _, point := range series.Floats {
			holds[point.T/60_000] = true
		}
	}
	since := -1
	for minute, is := range holds {
		if !is {
			since = -1
		} else if since < 0 {
			since = minute
		}
		if since >= 0 && time.Duration(minute-since)*time.Minute >= time.Duration(rule.For) {
			minutes = append(minutes, minute)
		}
	}
	return minutes
}

// storeSeries stores the samples of the series that a rule reads.
func storeSeries(t *testing.T, database storage.Storage, rule rulefmt.Rule, once bool, before, during, after scrape) {
	t.Helper()
	expression, err := parser.ParseExpr(rule.Expr)
	require.NoError(t, err)
	read := map[string]bool{}
	for _, matchers := range parser.ExtractSelectors(expression) {
		for _, m := range matchers {
			if m.Name == labels.MetricName {
				read[m.Value] = true
			}
		}
	}
	appender := database.Appender(t.Context())
	for minute := range timelineMinutes {
		now, rounds := before, 0
		switch {
		case minute >= repairMinute:
			now, rounds = after, repairMinute-faultMinute
		case minute >= faultMinute:
			now, rounds = during, minute-faultMinute+1
		}
		if once {
			rounds = min(rounds, 1)
		}
		for key, one := range now {
			name := one.series.Get(labels.MetricName)
			if !read[name] {
				continue
			}
			v := one.value
			if rounds > 0 && strings.HasSuffix(name, "_total") { // counts what the fault counted, in each round
				v += float64(rounds-1) * max(0, during[key].value-before[key].value)
			}
			_, err := appender.Append(0, one.series, int64(minute)*60_000, v)
			require.NoError(t, err)
		}
	}
	require.NoError(t, appender.Commit())
}
