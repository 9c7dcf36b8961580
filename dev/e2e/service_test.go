package e2e

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
	"github.com/stretchr/testify/require"
)

// ask requests an answer of an endpoint of the NATS service. Headers are pairs of name and value.
func (w *fixture) ask(t *testing.T, endpoint, data string, headers ...string) *nats.Msg {
	t.Helper()
	var answer *nats.Msg
	require.Eventually(t, func() bool { // until the gateway has subscribed
		var err error
		answer, err = w.nc.RequestMsgWithContext(t.Context(), message("lazisync."+endpoint, data, headers...))
		if err != nil {
			require.ErrorIs(t, err, nats.ErrNoResponders)
		}
		return err == nil
	}, waitLimit, tick)
	return answer
}

func TestARequestOverNATSGetsItsAnswer(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{})
	w.start(t, "serve")
	answer := w.ask(t, "request", `{"mode":"full","entities":["customers"],"reason":"first copy"}`, "Wait", "1m")
	require.Empty(t, answer.Header.Get(micro.ErrorHeader))
	var ended struct {
		RequestID string
		Outcome   struct{ State string }
		Run       struct {
			RunNumber int64
			Results   []struct {
				Entity  string
				Fetched int
			}
		}
	}
	require.NoError(t, json.Unmarshal(answer.Data, &ended), string(answer.Data))
	require.Equal(t, "completed", ended.Outcome.State)
	require.Equal(t, "customers", ended.Run.Results[0].Entity)
	require.Positive(t, ended.Run.Results[0].Fetched)
	require.Equal(t, ended.Run.RunNumber, w.completed(t, ended.RequestID).RunNumber)

	var status struct {
		States []struct{ Entity, LastFullSync string }
		Runs   []struct {
			RunNumber   int64
			RequestedBy struct{ Actor string }
		}
	}
	require.NoError(t, json.Unmarshal(w.ask(t, "status", "").Data, &status))
	require.Equal(t, ended.Run.RunNumber, status.Runs[0].RunNumber)
	require.Equal(t, "NATS", status.Runs[0].RequestedBy.Actor)
	require.Truef(t, slices.ContainsFunc(status.States, func(s struct{ Entity, LastFullSync string }) bool {
		return s.Entity == "customers" && s.LastFullSync != ""
	}), "%v", status.States)

	refused := w.ask(t, "request", `{"mode":"ful"}`)
	require.Equal(t, "422", refused.Header.Get(micro.ErrorCodeHeader))
	require.Contains(t, refused.Header.Get(micro.ErrorHeader), `mode: got "ful", want full`)
	w.requireNotifiedOnce(t)
}
