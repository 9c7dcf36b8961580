package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// alertName is the name of an alert in the rules of Prometheus.
var alertName = regexp.MustCompile(`(?m)^\s+- alert: (\w+)$`)

func TestEveryAlertHasItsSection(t *testing.T) {
	t.Parallel()
	rules, err := os.ReadFile(filepath.Join(root, "deploy", "prometheus", "alerts.yml"))
	require.NoError(t, err)
	var alerts []string
	for _, found := range alertName.FindAllStringSubmatch(string(rules), -1) {
		alerts = append(alerts, found[1])
	}
	require.NotEmpty(t, alerts)
	section := regexp.MustCompile(`(?ms)^### (Lazisync\w+)\n\n- \*\*Meaning\*\*: .+?^- \*\*Look\*\*: .+?^- \*\*Fix\*\*: `)
	var sections []string
	for _, found := range section.FindAllStringSubmatch(readDocument(t, "docs/observability.md").text, -1) {
		sections = append(sections, found[1])
	}
	require.Equal(t, alerts, sections, "alerts.yml and docs/observability.md have the same alerts in the same order")
}
