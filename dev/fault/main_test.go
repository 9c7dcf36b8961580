package fault

import (
	"flag"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/process"
)

const (
	// waitLimit bounds waits that take moments on an idle machine.
	waitLimit = 2 * time.Minute
	tick      = 50 * time.Millisecond
)

// parallel is the number of tests that run at the same time: they wait more than they compute.
const parallel = "4"

func TestMain(m *testing.M) {
	if encoded := os.Getenv(serverVariable); encoded != "" {
		os.Exit(serve(encoded))
	}
	if addr := os.Getenv(dockerVariable); addr != "" {
		os.Exit(callDocker(addr, os.Args[1:]))
	}
	flag.Parse()
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "test.parallel" })
	if !chosen {
		_ = flag.Set("test.parallel", parallel)
	}
	code := m.Run()
	shared.stop()
	results.print(os.Stdout)
	os.Exit(code)
}

// shared is used by all tests of this process, and started by the first one that needs it.
var shared = &sharedFixtures{}

type sharedFixtures struct {
	mu       sync.Mutex
	dir      string
	program  string
	temporal *server
}

// folder is removed when the process ends. The caller holds mu.
func (s *sharedFixtures) folder() (_ string, err error) {
	if s.dir == "" {
		s.dir, err = os.MkdirTemp("", "lazisync-fault-")
	}
	return s.dir, err
}

// program is lazisync, built with failpoints.
func program(t testing.TB) string {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.program != "" {
		return shared.program
	}
	dir, err := shared.folder()
	require.NoError(t, err)
	path := filepath.Join(dir, "lazisync")
	require.NoError(t, process.Build(filepath.Join("..", ".."), path, "failpoint"))
	shared.program = path
	return path
}

// sharedTemporal is for tests without a fault of Temporal.
func sharedTemporal(t testing.TB) *server {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.temporal != nil {
		return shared.temporal
	}
	dir, err := shared.folder()
	require.NoError(t, err)
	temporal := newServer(t, serverOptions{Kind: temporalKind, Data: filepath.Join(dir, "temporal", "temporal.db")})
	require.NoError(t, temporal.start())
	shared.temporal = temporal
	return temporal
}

func (s *sharedFixtures) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.temporal != nil {
		s.temporal.Kill()
	}
	if s.dir != "" {
		_ = os.RemoveAll(s.dir)
	}
}
