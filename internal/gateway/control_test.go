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
	require.Empty(t, s.box.events())
	require.Equal(t, 202, s.send(http.MethodPost, "/sync/full-sync-1/pause", "").status)
	require.Len(t, s.box.events(), 1)
}

// The bridge decides where the ledger cannot be asked.
func TestControlIsPublishedIfTheLedgerIsUnavailable(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	s.book.fail = errors.New("no database")
	require.Equal(t, 202, s.send(http.MethodPost, "/sync/nosuch/pause", "").status)
	require.Len(t, s.box.events(), 1)
}
