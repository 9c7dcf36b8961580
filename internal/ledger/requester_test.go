package ledger_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/ledger"
)

func TestRequesterActor(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		"/lazisync/gateway":                   "HTTP",
		"/lazisync/gateway/ops%20team":        "ops team",
		"/lazisync/gateway/ops/pause/x":       "ops",
		"/lazisync/gateway/%zz":               "%zz",
		"/lazisync/schedules":                 "schedule",
		"/lazisync/second-pass":               "second pass",
		"/lazisync/cli":                       "command line",
		"/lazisync/webhooks/servicetitan/985": "webhook",
		"/erp/exports":                        "/erp/exports",
		"":                                    "",
	} {
		require.Equal(t, want, ledger.Requester{Source: source}.Actor(), source)
	}
}
