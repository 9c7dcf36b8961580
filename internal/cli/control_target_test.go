package cli

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/ledger"
)

const finishedFull = "full-sync-0123456789abcdef0123"

// targetStore knows one request and two workflows without open runs.
type targetStore struct {
	Store
	err error
}

func (targetStore) Close() {}

func (s targetStore) FindRequests(_ context.Context, ref string) ([]ledger.Request, error) {
	if ref == "nightly" {
		return []ledger.Request{{WorkflowID: "incremental-sync-7"}}, s.err
	}
	return nil, s.err
}

func (s targetStore) Workflow(_ context.Context, id string) (ledger.WorkflowState, error) {
	return ledger.WorkflowState{Known: id != "incremental-sync-9", Finished: id == finishedFull || id == "incremental-sync-8"}, s.err
}

type targetBackends struct {
	Backends
	store Store
	err   error
}

func (b targetBackends) Store(context.Context) (Store, error) { return b.store, b.err }

func TestControlsNeedATarget(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		backends targetBackends
		id       string
		refused  string
	}{
		"an open workflow":                {targetBackends{store: targetStore{}}, "incremental-sync-7", ""},
		"a request of one":                {targetBackends{store: targetStore{}}, "nightly", ""},
		"an unknown id":                   {targetBackends{store: targetStore{}}, "nosuch", `nothing to pause: no request has the id "nosuch"; lazisync status lists`},
		"a finished workflow":             {targetBackends{store: targetStore{}}, finishedFull, "nothing to pause: workflow " + finishedFull + " has no open run"},
		"one that a pause may hold open":  {targetBackends{store: targetStore{}}, "incremental-sync-8", ""},
		"a workflow of another tenant":    {targetBackends{store: targetStore{}}, "incremental-sync-9", "nothing to pause: workflow incremental-sync-9 has no requests"},
		"a request that may be under way": {targetBackends{store: targetStore{}}, barsRequest, ""},
		"without a database":              {targetBackends{err: ErrNoDatabase}, "nosuch", ""},
		"a database that is down":         {targetBackends{store: targetStore{err: errors.New("down")}}, "nosuch", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := checkTarget(t.Context(), c.backends, "pause", c.id)
			if c.refused == "" {
				require.NoError(t, err)
				return
			}
			exit, isExit := errors.AsType[*ExitError](err)
			require.True(t, isExit)
			require.Equal(t, ExitRejected, exit.Code)
			require.Contains(t, exit.Message, c.refused)
		})
	}
}
