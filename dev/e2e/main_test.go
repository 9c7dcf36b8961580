package e2e

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	processes "github.com/lazi/lazisync/dev/process"
	"github.com/lazi/lazisync/dev/temporalserver"
)

const (
	// waitLimit bounds waits that take moments on an idle machine.
	waitLimit = 2 * time.Minute
	tick      = 20 * time.Millisecond
)

// parallel is the number of tests that run at the same time: they wait more than they compute.
const parallel = "5"

func TestMain(m *testing.M) {
	flag.Parse()
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "test.parallel" })
	if !chosen {
		_ = flag.Set("test.parallel", parallel)
	}
	code := m.Run()
	shared.stop()
	os.Exit(code)
}

// shared is used by all tests of this process, and started by the first one that needs it.
var shared = &sharedFixtures{}

type sharedFixtures struct {
	mu       sync.Mutex
	dir      string
	binary   string
	temporal *temporalserver.Server
}

// folder is removed when the process ends. The caller holds mu.
func (s *sharedFixtures) folder() (_ string, err error) {
	if s.dir == "" {
		s.dir, err = os.MkdirTemp("", "lazisync-e2e-")
	}
	return s.dir, err
}

// program builds lazisync in the production module, with the versions that module requires.
func program(t testing.TB) string {
	t.Helper()
	path, err := shared.build()
	require.NoError(t, err)
	return path
}

func (s *sharedFixtures) build() (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.binary != "" {
		return s.binary, nil
	}
	dir, err := s.folder()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "lazisync")
	if err := processes.Build(filepath.Join("..", ".."), path, ""); err != nil {
		return "", err
	}
	s.binary = path
	return path, nil
}

// temporalAddr returns the address of the shared Temporal.
func temporalAddr(t testing.TB) string {
	t.Helper()
	server, err := shared.startTemporal()
	require.NoError(t, err)
	return server.Addr()
}

func (s *sharedFixtures) startTemporal() (_ *temporalserver.Server, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.temporal != nil {
		return s.temporal, nil
	}
	dir, err := s.folder()
	if err != nil {
		return nil, err
	}
	s.temporal, err = temporalserver.Start(context.Background(), temporalserver.Options{
		File: filepath.Join(dir, "temporal.db"), Unsafe: true, Log: zerolog.Nop(),
	})
	return s.temporal, err
}

func (s *sharedFixtures) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.temporal != nil {
		_ = s.temporal.Stop() // the process ends anyway
	}
	if s.dir != "" {
		_ = os.RemoveAll(s.dir)
	}
}
