package deploytest

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/metrics"
)

var deployed = filepath.Join(root, "deploy")

// Prometheus reads its configuration, and scrapes every role and exporter of the compose file.
func TestPrometheusScrapesEveryRole(t *testing.T) {
	t.Parallel()
	c, err := config.LoadFile(filepath.Join(deployed, "prometheus", "prometheus.yml"), false, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	require.Equal(t, []string{filepath.Join(deployed, "prometheus", "alerts.yml")}, c.RuleFiles)
	scraped := map[string]model.LabelValue{}
	for _, scrape := range c.ScrapeConfigs {
		for _, d := range scrape.ServiceDiscoveryConfigs {
			for _, group := range d.(discovery.StaticConfig) {
				for _, target := range group.Targets {
					scraped[string(target[model.AddressLabel])] = group.Labels["role"]
				}
			}
		}
	}
	want := map[string]model.LabelValue{"nats-exporter:7777": "", "postgres-exporter:9187": "", "temporal:8000": ""}
	for _, role := range roles[:4] {
		want[role.Name+":9090"] = model.LabelValue(role.Name)
	}
	require.Equal(t, want, scraped)
	services := load(t, demoEnv, "metrics").project.ServiceNames()
	for address := range want {
		service, _, _ := strings.Cut(address, ":")
		require.Contains(t, services, service)
	}
}

// exported returns the series that the roles export, without any other server.
func exported(t *testing.T) (series []labels.Labels) {
	t.Helper()
	nowhere := []string{
		"NATS_URL=nats://127.0.0.1:1", "TEMPORAL_ADDRESS=127.0.0.1:1", "DATABASE_URL=postgres://nobody@127.0.0.1:1/none", "SERVICETITAN_TENANT_ID=1",
		"SERVICETITAN_CLIENT_ID=c", "SERVICETITAN_CLIENT_SECRET=s", "SERVICETITAN_APP_KEY=k",
	}
	for _, name := range []string{"bridge", "worker", "notifier", "gateway"} {
		response, err := http.Get("http://" + startRole(t, name, nowhere...).admin + "/metrics")
		require.NoError(t, err)
		defer response.Body.Close()
		reader := expfmt.NewTextParser(model.LegacyValidation)
		families, err := reader.TextToMetricFamilies(response.Body)
		require.NoError(t, err)
		for family, f := range families {
			for _, m := range f.Metric {
				b := labels.NewScratchBuilder(0)
				b.Add(labels.MetricName, family)
				b.Add("job", "lazisync")
				b.Add("role", name)
				for _, pair := range m.Label {
					b.Add(pair.GetName(), pair.GetValue())
				}
				b.Sort()
				series = append(series, b.Labels())
			}
		}
	}
	up := labels.FromStrings(labels.MetricName, "up", "job", "lazisync", "role", "bridge") // Prometheus' own
	return append(series, up)
}

// Every panel and every alert uses series that exist from the first minute on.
func TestPanelsAndAlertsUseExistingSeries(t *testing.T) {
	t.Parallel()
	series := exported(t)
	expressions := map[string]string{}
	groups, errs := rulefmt.ParseFile(filepath.Join(deployed, "prometheus", "alerts.yml"), false)
	require.Empty(t, errs)
	for _, group := range groups.Groups {
		for _, rule := range group.Rules {
			expressions["alert "+rule.Alert] = rule.Expr
			require.NotEmpty(t, rule.Annotations["summary"], rule.Alert)
			require.NotEmpty(t, rule.Annotations["description"], rule.Alert)
		}
	}
	var dashboard struct {
		Panels []struct {
			ID         int
			Title      string
			Datasource struct{ UID string }
			Targets    []struct{ Expr string }
		}
	}
	require.NoError(t, json.Unmarshal([]byte(read(t, "deploy", "grafana", "dashboards", "lazisync.json")), &dashboard))
	ids := map[int]bool{}
	for _, panel := range dashboard.Panels {
		require.False(t, ids[panel.ID], panel.Title)
		ids[panel.ID] = true
		require.NotEmpty(t, panel.Targets, panel.Title)
		require.Contains(t, read(t, "deploy", "grafana", "provisioning", "datasources", "prometheus.yml"), "uid: "+panel.Datasource.UID)
		for i, target := range panel.Targets {
			expressions[fmt.Sprintf("panel %s %d", panel.Title, i)] = target.Expr
		}
	}
	require.Greater(t, len(expressions), 8)
	for where, expression := range expressions {
		parsed, err := parser.ParseExpr(expression)
		require.NoError(t, err, where)
		selectors := parser.ExtractSelectors(parsed)
		require.NotEmpty(t, selectors, where)
		for _, matchers := range selectors {
			require.True(t, anyMatches(series, matchers) || isGauge(matchers), "%s: no role exports %v", where, matchers)
		}
	}
}

// isGauge reports whether matchers select a gauge of the database or the streams, or a metric
// of Temporal's SDK, which need servers: e2e scrapes them.
func isGauge(matchers []*labels.Matcher) bool {
	for _, m := range matchers {
		if m.Name != labels.MetricName {
			continue
		}
		if strings.HasPrefix(m.Value, "temporal_") {
			return true
		}
		for _, d := range metrics.Definitions {
			name := strings.TrimSuffix(m.Value, "_bucket")
			if d.Name == name && (d.Kind == metrics.Gauge || d.Kind == metrics.Histogram) {
				return labelsDeclared(d, matchers)
			}
		}
	}
	return false
}

func labelsDeclared(d metrics.Definition, matchers []*labels.Matcher) bool {
	for _, m := range matchers {
		if m.Name != labels.MetricName && !slices.Contains(d.Labels, m.Name) {
			return false
		}
	}
	return true
}

func anyMatches(series []labels.Labels, matchers []*labels.Matcher) bool {
	for _, one := range series {
		fits := true
		for _, m := range matchers {
			fits = fits && m.Matches(one.Get(m.Name))
		}
		if fits {
			return true
		}
	}
	return false
}
