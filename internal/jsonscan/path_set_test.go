package jsonscan_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/jsonscan"
)

// A path is new once: by key and by the objects around it, not by the index in an array.
func TestNewPaths(t *testing.T) {
	t.Parallel()
	paths := jsonscan.NewPathSet()
	scan := func(record string, byFields bool) bool {
		s := jsonscan.Scanner{Data: []byte(record), Paths: paths}
		paths.New = false
		end := 0
		if byFields {
			end = s.Fields(0, func(_ []byte, at int) int {
				if s.Is(at, '[') {
					return s.Elements(at, s.Value)
				}
				return s.Value(at)
			})
		} else {
			end = s.Value(0)
		}
		require.Equal(t, len(record), end)
		return paths.New
	}
	for i, c := range []struct {
		record string
		isNew  bool
	}{
		{`{}`, false},
		{`{"a":1,"b":[],"c":{}}`, true},
		{`{"c":{},"a":[1,2],"b":null}`, false},
		{`{"c":{"a":1}}`, true},
		{`{"b":{"a":1}}`, true},
		{`{"c":[{"a":1},{"a":2},[{"a":3}],7],"b":[[],{"a":1}],"a":1}`, false},
		{`{"c":[{"x":{}}],"a":1}`, true},
		{`{"c":[{"x":{"y":[1]}},{"a":1}],"b":{"a":{}}}`, true},
		{`{"c":{"x":{"y":1},"a":1},"a":1}`, false},
		{`{"\u0063":{"\u0078":{"\u0079":1}}}`, false},
		{`{"c":{"y":1}}`, true},
		{`{"y":1}`, true},
		{`{"x":1,"":2}`, true},
		{`{"":1}`, false},
		{`{"p":{"q":1,"r":[1],"s":1}}`, true},
		{`{"r":1}`, true},
		{`{"s":1}`, true},
	} {
		require.Equal(t, c.isNew, scan(c.record, i%2 == 0), "%s", c.record)
		require.False(t, scan(c.record, i%2 != 0), "%s, scanned in the other way", c.record)
	}
}

// Beyond its capacity, a PathSet notes no further path and still knows the others.
func TestAFullPathSet(t *testing.T) {
	t.Parallel()
	paths := jsonscan.NewPathSet()
	count := 0
	for i := range 5000 {
		s := jsonscan.Scanner{Data: fmt.Appendf(nil, `{"k%d":{"%s":1}}`, i, strings.Repeat("x", i%40)), Paths: paths}
		require.Equal(t, len(s.Data), s.Value(0))
		if paths.New {
			count++
		}
		paths.New = false
		s.Root()
		require.Equal(t, len(s.Data), s.Value(0))
		require.False(t, i < 300 && paths.New)
		paths.New = false
	}
	require.InDelta(t, 384, count, 1)
	s := jsonscan.Scanner{Data: []byte(`{"k0":1}`), Paths: paths}
	s.Value(0)
	require.False(t, paths.New)
}
