package ledger_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/ledger"
)

// Recorded histories and workers of earlier versions have -1 for an unknown total.
func TestTotalInJSON(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{"-1": "null", "null": "null", "0": "0", "30": "30"} {
		var p ledger.EntityProgress
		require.NoError(t, json.Unmarshal([]byte(`{"entity":"jobs","total":`+given+`}`), &p))
		require.Equal(t, want == "null", p.Total == ledger.UnknownTotal, given)
		encoded, err := json.Marshal(p)
		require.NoError(t, err)
		require.JSONEq(t, `{"entity":"jobs","phase":"","pages":0,"records":0,"total":`+want+`}`, string(encoded), given)
	}
	var p ledger.EntityProgress
	require.ErrorContains(t, json.Unmarshal([]byte(`{"total":"many"}`), &p), "cannot unmarshal string")
}
