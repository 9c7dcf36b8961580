package deploytest

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/relabel"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/storage"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// An incident is a series of ten hours, one sample a minute: an hour without the condition of
// an alert, two to five hours with it, the rest without it again.
var incidents = map[string]string{
	"LazisyncRoleDown":                `up{job="lazisync",role="bridge"} 1x60 0x120 1x420`,
	"LazisyncDataStale":               `lazisync_entity_stale{tenant="42",entity="jobs"} 0x60 1x120 0x420`,
	"LazisyncRunsFailing":             `lazisync_runs_total{tenant="42",mode="incremental",outcome="failed",error_type="ApiError"} 0x60 0+1x30 30x510`,
	"LazisyncRunPaused":               `lazisync_runs_open{tenant="42",mode="full",state="paused"} 0x60 1x300 0x240`,
	"LazisyncServiceTitanUnavailable": `lazisync_api_requests_total{tenant="42",status="200"} 0+60x60 3600x120 3600+60x420` + "\n" + `lazisync_api_requests_total{tenant="42",status="503"} 0x60 0+6x120 720x420`,
	"LazisyncThrottled":               `lazisync_api_throttled_seconds_total{tenant="42",reason="too_many_requests"} 0x60 0+60x120 7200x420`,
	"LazisyncBacklog":                 `lazisync_consumer_pending{consumer="bridge-requests"} 3x60 500x120 0x420`,
	"LazisyncRedeliveries":            `lazisync_consumer_redelivered_total{consumer="notifier"} 0x60 0+10x120 1200x420`,
	"LazisyncDeadLetters":             `lazisync_dead_letters 2x60 3x540`,
	"LazisyncCommandsRejected":        `lazisync_bridge_answers_total{kind="request",answer="rejected"} 4x60 5x540`,
	"LazisyncRecordsRejected":         `lazisync_rejected_records{tenant="42",entity="jobs"} 0x60 1x540`,
	"LazisyncReconcilerBusy":          `lazisync_reconcile_actions_total{action="runs_finalized"} 0x60 0+3x120 360x420`,
	"LazisyncNotificationsFailed":     `lazisync_notifications_total{channel="slack",result="given_up"} 0x60 1x540`,
	"LazisyncWebhookSignatures":       `lazisync_webhooks_total{result="bad_signature"} 0x60 0+2x120 240x420`,
	"LazisyncWebhooksUnavailable":     `lazisync_webhooks_total{result="unavailable"} 0x60 0+2x120 240x420`,
	"LazisyncWorkflowTasksFailing":    `lazisync_worker_workflow_tasks_failed_total 0x60 0+1x120 120x420`,
	"LazisyncStreamFull":              `lazisync_stream_max_bytes{stream="SYNC_COMMANDS"} 1000x600` + "\n" + `lazisync_stream_bytes{stream="SYNC_COMMANDS"} 10x60 900x120 10x420`,
	"LazisyncLedgerUnreadable":        `up{job="lazisync",role="bridge"} 1x600` + "\n" + `lazisync_database_size_bytes 5x60 stale _x119 5x420`,
	"LazisyncFreshnessBudget":         `lazisync_entity_stale{tenant="42",entity="jobs"} 0x60 1x120 0x420` + "\n" + `lazisync_entity_stale{tenant="42",entity="customers"} 0x600`,
	"LazisyncRunBudget":               `lazisync_runs_total{tenant="42",outcome="completed"} 0+1x60 60x120 60+1x420` + "\n" + `lazisync_runs_total{tenant="42",outcome="failed"} 0x60 0+1x120 120x420`,
	"LazisyncWebhookBudget":           `lazisync_webhooks_total{result="accepted"} 0+10x600` + "\n" + `lazisync_webhooks_total{result="unavailable"} 0x60 0+1x120 120x420`,
}

func alertRules(t *testing.T) (rules []rulefmt.Rule) {
	t.Helper()
	groups, errs := rulefmt.ParseFile(filepath.Join(deployed, "prometheus", "alerts.yml"), false)
	require.Empty(t, errs)
	for _, group := range groups.Groups {
		rules = append(rules, group.Rules...)
	}
	return rules
}

func TestEveryAlertFiresAndStops(t *testing.T) {
	t.Parallel()
	rules := alertRules(t)
	require.Len(t, rules, len(incidents))
	for _, rule := range rules {
		t.Run(rule.Alert, func(t *testing.T) {
			t.Parallel()
			series, known := incidents[rule.Alert]
			require.True(t, known, "no incident")
			database := promqltest.LoadedStorage(t, "load 1m\n"+indented(series))
			t.Cleanup(func() { require.NoError(t, database.Close()) })
			fired := firing(t, database, rule)
			require.NotEmpty(t, fired, "it does not fire")
			require.GreaterOrEqual(t, fired[0], 60, "it fires too early")
			require.LessOrEqual(t, fired[0], 60+int(time.Duration(rule.For).Minutes())+30, "it fires too late")
			require.Less(t, fired[len(fired)-1], 599, "it does not stop")
		})
	}
}

// Occasional failures do not burn the budget. One entity that is stale for ten minutes in ten
// hours, one failed run of 600, and one webhook of 6,000 that is not stored meet the objectives.
func TestBudgetAlertsTolerateWhatTheObjectivesAllow(t *testing.T) {
	t.Parallel()
	series := map[string]string{
		"LazisyncFreshnessBudget": `lazisync_entity_stale{tenant="42",entity="a"} 0x300 1x5 0x300` + "\n" +
			`lazisync_entity_stale{tenant="42",entity="b"} 0x600` + "\n" + `lazisync_entity_stale{tenant="42",entity="c"} 0x600` + "\n" +
			`lazisync_entity_stale{tenant="42",entity="d"} 0x600` + "\n" + `lazisync_entity_stale{tenant="42",entity="e"} 0x600`,
		"LazisyncRunBudget":     `lazisync_runs_total{tenant="42",outcome="completed"} 0+1x600` + "\n" + `lazisync_runs_total{tenant="42",outcome="failed"} 0x300 1x300`,
		"LazisyncWebhookBudget": `lazisync_webhooks_total{result="accepted"} 0+10x600` + "\n" + `lazisync_webhooks_total{result="unavailable"} 0x300 1x300`,
	}
	tested := 0
	for _, rule := range alertRules(t) {
		if series[rule.Alert] == "" {
			continue
		}
		tested++
		database := promqltest.LoadedStorage(t, "load 1m\n"+indented(series[rule.Alert]))
		t.Cleanup(func() { require.NoError(t, database.Close()) })
		require.Empty(t, firing(t, database, rule), rule.Alert)
	}
	require.Len(t, series, tested)
}

func indented(series string) string { return "  " + strings.ReplaceAll(series, "\n", "\n  ") }

// firing returns the minutes in which an alert fires.
func firing(t *testing.T, database storage.Storage, rule rulefmt.Rule) (minutes []int) {
	t.Helper()
	engine := promqltest.NewTestEngine(t, false, 0, promqltest.DefaultMaxSamplesPerQuery)
	since := -1
	for minute := range 600 {
		query, err := engine.NewInstantQuery(t.Context(), database, nil, rule.Expr, time.Unix(0, 0).Add(time.Duration(minute)*time.Minute))
		require.NoError(t, err)
		result := query.Exec(t.Context())
		require.NoError(t, result.Err)
		vector, err := result.Vector()
		require.NoError(t, err)
		if len(vector) == 0 {
			since = -1
		} else if since < 0 {
			since = minute
		}
		query.Close()
		if since >= 0 && time.Duration(minute-since)*time.Minute >= time.Duration(rule.For) {
			minutes = append(minutes, minute)
		}
	}
	return minutes
}

// The operator of Prometheus gets the same rules, and scrapes every role under the same labels.
func TestKubernetesMonitorsWithTheSameRules(t *testing.T) {
	t.Parallel()
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), filepath.Join(manifests, "monitoring"))
	require.NoError(t, err)
	found := map[string]string{}
	for _, r := range resources.Resources() {
		text, err := r.AsYAML()
		require.NoError(t, err)
		found[r.GetKind()] = string(text)
	}
	var want, got map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(read(t, "deploy", "prometheus", "alerts.yml")), &want))
	require.NoError(t, yaml.Unmarshal([]byte(found["PrometheusRule"]), &got))
	require.Equal(t, want["groups"], got["spec"].(map[string]any)["groups"])

	service := strict(t, "Service", []byte(found["Service"])).(*corev1.Service)
	require.Equal(t, "admin", service.Spec.Ports[0].TargetPort.StrVal)
	for role, pod := range podLabels(t) {
		for key, value := range service.Spec.Selector {
			require.Equal(t, value, pod[key], role)
		}
	}
	require.Contains(t, found["ServiceMonitor"], "jobLabel: app.kubernetes.io/name")
	require.Equal(t, "lazisync", service.Labels["app.kubernetes.io/name"], "the job of the rules")
	for role, pod := range podLabels(t) {
		require.Equal(t, role, relabeled(t, found["ServiceMonitor"], pod).Get("role"), "the label of the rules")
	}
}

// relabeled are the labels of a pod's series, as the first endpoint of a ServiceMonitor sets them.
func relabeled(t *testing.T, monitor string, pod map[string]string) labels.Labels {
	t.Helper()
	var m struct {
		Spec struct {
			Endpoints []struct {
				Relabelings []struct {
					SourceLabels model.LabelNames `json:"sourceLabels"`
					TargetLabel  string           `json:"targetLabel"`
				} `json:"relabelings"`
			} `json:"endpoints"`
		} `json:"spec"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(monitor), &m))
	b := labels.NewBuilder(labels.EmptyLabels())
	for key, value := range pod {
		b.Set("__meta_kubernetes_pod_label_"+strings.NewReplacer(".", "_", "/", "_").Replace(key), value)
	}
	for _, r := range m.Spec.Endpoints[0].Relabelings {
		rule := relabel.DefaultRelabelConfig
		rule.SourceLabels, rule.TargetLabel = r.SourceLabels, r.TargetLabel
		require.True(t, relabel.ProcessBuilder(b, &rule))
	}
	return b.Labels()
}

// podLabels are the labels of the pods of every role.
func podLabels(t *testing.T) map[string]map[string]string {
	t.Helper()
	all, labels := buildManifests(t), map[string]map[string]string{}
	for _, role := range roles[:4] {
		labels[role.Name] = all["Deployment/"+role.Name].(*appsv1.Deployment).Spec.Template.Labels
	}
	return labels
}
