package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestProgressNamesTheTestThatRunsLongest(t *testing.T) {
	t.Parallel()
	p := newProgress()
	at := func(seconds int) time.Time { return p.began.Add(time.Duration(seconds) * time.Second) }
	require.Equal(t, "  ... 10s, 0 tests ended, building", p.line(at(10)))

	p.handle(event{Action: "run", Package: "m/e2e", Test: "TestParallel"}, at(10))
	p.handle(event{Action: "pause", Package: "m/e2e", Test: "TestParallel"}, at(10))
	p.handle(event{Action: "run", Package: "m/e2e", Test: "TestFirst"}, at(12))
	p.handle(event{Action: "run", Package: "m/e2e", Test: "TestFirst/sub"}, at(12))
	p.handle(event{Action: "run", Package: "m/store", Test: "TestPage"}, at(15))
	require.Equal(t, "  ... 20s, 0 tests ended, 2 running, longest: e2e TestFirst (8s)", p.line(at(20)))

	p.handle(event{Action: "pass", Package: "m/e2e", Test: "TestFirst"}, at(21))
	p.handle(event{Action: "cont", Package: "m/e2e", Test: "TestParallel"}, at(21))
	require.Equal(t, "  ... 1m30s, 1 tests ended, 2 running, longest: store TestPage (1m15s)", p.line(at(90)))
}
