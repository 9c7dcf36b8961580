package entity

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzCursor reads any JSON as a cursor, as the ledger does: what is read is written and
// read again the same.
func FuzzCursor(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"feed":"export","token":"a+b/c=&d","since":"2026-02-11T16:04:52.913722Z","trail":{"steps":7,"empty":1,"mark":"m"}}`,
		`{"feed":"list","since":"2026-02-11T16:04:52Z","before":"2026-02-12T00:00:00+05:30","page":3,"began":"2026-02-11T16:04:52Z","total":-1,"round":2,"trail":{"print":"3w5e"}}`,
		`{"token":"\u0000\ud800"}`, `{"page":1e3}`, `{"trail":null}`, `[]`, `{"since":"0000-01-01T00:00:00Z"}`, `{"unheard":"of"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var read, again Cursor
		if json.Unmarshal(text, &read) != nil {
			return
		}
		written, err := json.Marshal(read)
		if err != nil {
			return // a year that JSON cannot represent
		}
		require.NoError(t, json.Unmarshal(written, &again))
		once, err := json.Marshal(again)
		require.NoError(t, err)
		require.JSONEq(t, string(written), string(once))
		require.True(t, read.Since.Equal(again.Since) && read.Before.Equal(again.Before) && read.FirstPageAt.Equal(again.FirstPageAt))
		read.Since, read.Before, read.FirstPageAt = again.Since, again.Before, again.FirstPageAt
		require.Equal(t, read, again)
	})
}
