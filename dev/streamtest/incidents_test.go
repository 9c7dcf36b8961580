package streamtest

import (
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/process"
	"github.com/lazi/lazisync/internal/stream"
)

func TestIncidentsKeepTheLastValueOfEachKeyAcrossARestart(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for i, key := range []string{"outages/1001/full", "messages/#ops/a b.c*>", strings.Repeat("é", 5000)} {
		value, revision, err := r.conn.Incidents().Load(ctx(t), key)
		require.NoError(t, err)
		require.Nil(t, value)
		require.Zero(t, revision)
		for _, want := range []string{"first", "second"} {
			stored, err := r.conn.Incidents().Store(ctx(t), key, []byte(want), revision)
			require.NoError(t, err)
			require.True(t, stored)
			value, revision, err = r.conn.Incidents().Load(ctx(t), key)
			require.NoError(t, err)
			require.Equal(t, want, string(value))
			require.NotZero(t, revision)
		}
		stored, err := r.conn.Incidents().Store(ctx(t), key, []byte("late"), 0)
		require.NoError(t, err)
		require.False(t, stored, "another process stored a value")
		require.EqualValues(t, i+1, r.stored(t, stream.StreamIncidents))
	}
	r.stopServer(t)
	r.startServer(t)
	r.ready(t)
	value, _, err := r.conn.Incidents().Load(ctx(t), "outages/1001/full")
	require.NoError(t, err)
	require.Equal(t, "second", string(value))
}

// Two notifiers count together.
func TestConcurrentIncidentsLoseNoUpdate(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	other := connect(t, r.server.URL(), &process.Log{})
	const updates = 50
	var all sync.WaitGroup
	for _, conn := range []*stream.Conn{r.conn, other} {
		all.Go(func() {
			for done := 0; done < updates; {
				value, revision, err := conn.Incidents().Load(ctx(t), "count")
				if err != nil {
					continue
				}
				n, _ := strconv.Atoi(string(value))
				if stored, err := conn.Incidents().Store(ctx(t), "count", []byte(strconv.Itoa(n+1)), revision); err == nil && stored {
					done++
				}
			}
		})
	}
	all.Wait()
	value, _, err := r.conn.Incidents().Load(ctx(t), "count")
	require.NoError(t, err)
	require.Equal(t, strconv.Itoa(2*updates), string(value))
}
