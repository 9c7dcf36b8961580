package postgres_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/postgres"
	"github.com/lazi/lazisync/internal/testing/pgserver"
	"github.com/lazi/lazisync/internal/testing/testserver"
)

// repository serves a jar in the form of Maven Central. It contains testdata/programs.txz,
// a tar of three shell scripts: bin/postgres, bin/initdb and bin/pg_ctl.
func repository(t *testing.T) (url string, downloads *atomic.Int32) {
	t.Helper()
	programs, err := os.ReadFile("testdata/programs.txz")
	require.NoError(t, err)
	var jar bytes.Buffer
	z := zip.NewWriter(&jar)
	entry, err := z.Create("postgres-linux-x86_64.txz")
	require.NoError(t, err)
	_, err = entry.Write(programs)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	sum := sha256.Sum256(jar.Bytes())

	downloads = new(atomic.Int32)
	server := testserver.Start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".sha256") {
			_, _ = w.Write([]byte(hex.EncodeToString(sum[:])))
			return
		}
		downloads.Add(1)
		_, _ = w.Write(jar.Bytes())
	}))
	return server, downloads
}

func TestFetchOnce(t *testing.T) {
	t.Parallel()
	url, downloads := repository(t)
	o := postgres.FetchOptions{Dir: filepath.Join(t.TempDir(), "cache", "postgres"), RepositoryURL: url}
	for range 2 {
		bin, err := postgres.Fetch(t.Context(), o)
		require.NoError(t, err)
		out, err := exec.Command(filepath.Join(bin, "postgres"), "--version").Output()
		require.NoError(t, err)
		require.Equal(t, "postgres (PostgreSQL) 17.0\n", string(out))
	}
	require.Equal(t, int32(1), downloads.Load())
}

func TestFetchFails(t *testing.T) {
	t.Parallel()
	empty := testserver.Start(t, http.NotFoundHandler())
	_, err := postgres.Fetch(t.Context(), postgres.FetchOptions{Dir: filepath.Join(t.TempDir(), "postgres"), RepositoryURL: empty})
	require.ErrorContains(t, err, "fetch PostgreSQL 17")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = postgres.Fetch(ctx, postgres.FetchOptions{Dir: filepath.Join(t.TempDir(), "postgres"), RepositoryURL: empty})
	require.ErrorIs(t, err, context.Canceled)
}

func TestFetchRejectsASymbolicLink(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	link := filepath.Join(dir, "postgres")
	require.NoError(t, os.Symlink(dir, link))
	_, err := postgres.Fetch(t.Context(), postgres.FetchOptions{Dir: link})
	require.ErrorContains(t, err, "is not a folder of user id")
}

func TestStartWithInstalledPrograms(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "postgres")
	t.Cleanup(func() { require.NoError(t, pgserver.Remove(context.Background(), dir)) })
	s, err := postgres.Start(t.Context(), pgserver.Options{Dir: dir, Unsafe: true, Logf: t.Logf})
	require.NoError(t, err)
	require.NoError(t, s.Stop())
}
