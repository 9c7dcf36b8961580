package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/temporalserver"
	"github.com/lazi/lazisync/dev/temporalui"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/simulator"
)

func TestSignalsFromTheTemporalUIControlARun(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{simulator: simulator.Options{RecordsPerEntity: 2000, ExportPageSize: 50}})
	w.start(t, "serve")
	page, err := temporalui.Start(t.Context(), temporalui.Options{TemporalAddr: temporalAddr(t), Namespace: temporalserver.Namespace})
	require.NoError(t, err)
	t.Cleanup(page.Stop)
	w.stack.Simulator.SetPace(pageTime)
	requestID := w.request(t, `{"mode":"full"}`)
	w.awaitPages(t, 10)

	signal := func(name string) {
		signalByPage(t, page.URL(), w.accepted(t, requestID).WorkflowID, name)
	}
	signal("pause")
	await(t, w, "sync.paused", func(d events.ControlledData) bool { return names(d.RunData, requestID) })
	signal("resume")
	await(t, w, "sync.resumed", func(d events.ControlledData) bool { return names(d.RunData, requestID) })
	signal("cancel")
	require.Equal(t, "cancelled by an operator", w.outcome(t, "sync.cancelled", requestID).Reason)
}

// signalByPage sends a signal as the Temporal UI in a browser does, with its CSRF token.
func signalByPage(t *testing.T, pageURL, workflowID, name string) {
	t.Helper()
	get, err := http.NewRequestWithContext(t.Context(), http.MethodGet, pageURL+"/", nil)
	require.NoError(t, err)
	opened, err := http.DefaultClient.Do(get)
	require.NoError(t, err)
	require.NoError(t, opened.Body.Close())

	post, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
		pageURL+"/api/v1/namespaces/default/workflows/"+workflowID+"/signal/"+name,
		strings.NewReader(`{"signalName":"`+name+`","workflowExecution":{"workflowId":"`+workflowID+`"}}`))
	require.NoError(t, err)
	post.Header.Set("Content-Type", "application/json")
	post.Header.Set("Sec-Fetch-Site", "same-origin")
	for _, cookie := range opened.Cookies() {
		post.AddCookie(cookie)
		if cookie.Name == "_csrf" {
			post.Header.Set("X-CSRF-Token", cookie.Value)
		}
	}
	answer, err := http.DefaultClient.Do(post)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusOK, answer.StatusCode)
}
