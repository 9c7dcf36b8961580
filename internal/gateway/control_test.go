package gateway

import (
	"errors"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestControlOfAnUnknownWorkflowIsNotPublished(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	for _, action := range []string{"pause", "resume", "cancel"} {
		s.send(http.MethodPost, "/sync/nosuch/"+action, "").isProblem(t, 404, `workflowId: got "nosuch", want the workflow ID of a run`)
	}
	require.Empty(t, s.fakeStream.events())
	require.Equal(t, 202, s.send(http.MethodPost, "/sync/full-sync-1/pause", "").status)
	require.Len(t, s.fakeStream.events(), 1)
}

// The bridge decides if the ledger is unavailable.
func TestControlIsPublishedIfTheLedgerIsUnavailable(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	s.fakeLedger.fail = errors.New("no database")
	require.Equal(t, 202, s.send(http.MethodPost, "/sync/nosuch/pause", "").status)
	require.Len(t, s.fakeStream.events(), 1)
}
