package pgserver_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/testing/pgserver"
)

// childVariable turns the test binary into a program that starts PostgreSQL with the options in the
// variable and waits until it is killed.
const childVariable = "PGSERVER_TEST_CHILD"

func TestMain(m *testing.M) {
	if options := os.Getenv(childVariable); options != "" {
		if err := runChild(options); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// childOptions and childReport are the JSON messages between a test and its child.
type childOptions struct {
	Dir                                 string
	Unsafe, StopWithParent, RemoveAfter bool
}

type childReport struct {
	URL string
	Pid int
	Dir string
}

func runChild(text string) error {
	var o childOptions
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return err
	}
	s, err := pgserver.Start(context.Background(), pgserver.Options{
		Dir: o.Dir, Unsafe: o.Unsafe, StopWithParent: o.StopWithParent, RemoveAfter: o.RemoveAfter,
	})
	if err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(childReport{URL: s.URL(""), Pid: s.Pid(), Dir: s.Dir()}); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin) // until the test closes it
	return err
}

// startChild starts PostgreSQL in another process. The returned function kills that process.
func startChild(t *testing.T, o childOptions) (childReport, func()) {
	t.Helper()
	text, err := json.Marshal(o)
	require.NoError(t, err)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+string(text))
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	kill := func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = stdin.Close()
	}
	t.Cleanup(kill)
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	require.NoError(t, err, "the child says where its PostgreSQL is")
	var report childReport
	require.NoError(t, json.Unmarshal(line, &report))
	return report, kill
}

func start(t *testing.T, o pgserver.Options) *pgserver.Server {
	t.Helper()
	o.Logf = t.Logf
	s, err := pgserver.Start(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Stop()) })
	return s
}

// folder returns a new folder that is removed at the end of the test, with everything of its
// PostgreSQL.
func folder(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "postgres")
	t.Cleanup(func() { require.NoError(t, pgserver.Remove(context.Background(), dir)) })
	return dir
}

func exec1(t *testing.T, url, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(context.Background())
	_, err = conn.Exec(t.Context(), sql)
	require.NoError(t, err)
}

func query[T any](t *testing.T, url, sql string) T {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(context.Background())
	var value T
	require.NoError(t, conn.QueryRow(t.Context(), sql).Scan(&value))
	return value
}

func eventually(t *testing.T, condition func() bool, message string) {
	t.Helper()
	require.Eventually(t, condition, time.Minute, 20*time.Millisecond, message)
}

func TestServerStartsAndStops(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	s := start(t, pgserver.Options{Dir: dir})
	require.Equal(t, "UTF8 C 127.0.0.1 200", query[string](t, s.URL(""), `select
		pg_encoding_to_char(encoding) || ' ' || datcollate || ' ' || current_setting('listen_addresses') || ' ' || current_setting('max_connections')
		from pg_database where datname = current_database()`))
	exec1(t, s.URL(""), "create table kept as select 42 as n")

	_, err := pgserver.Start(t.Context(), pgserver.Options{Dir: dir})
	require.ErrorContains(t, err, "in use by another process", "one server per folder")

	require.NoError(t, s.Stop())
	require.NoError(t, s.Stop(), "stopping twice is fine")
	require.False(t, pgserver.Alive(s.Pid()), "no process is left")
	<-s.Done()
	_, err = net.Dial("tcp", s.Addr())
	require.Error(t, err, "the server no longer listens")

	again := start(t, pgserver.Options{Dir: dir})
	require.Equal(t, 42, query[int](t, again.URL(""), "select n from kept"), "data and password are kept")
}

func TestWrongPasswordIsRejected(t *testing.T) {
	t.Parallel()
	s := start(t, pgserver.Options{Dir: folder(t), Password: "right", Unsafe: true})
	require.Equal(t, "off", query[string](t, s.URL("postgres"), "show fsync"))
	_, err := pgx.Connect(t.Context(), "postgres://lazisync:wrong@"+s.Addr()+"/lazisync?sslmode=disable")
	require.ErrorContains(t, err, "password authentication failed")
}

func TestStartFailsIfThePortIsTaken(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	_, err = pgserver.Start(t.Context(), pgserver.Options{Dir: folder(t), Port: l.Addr().(*net.TCPAddr).Port, Unsafe: true})
	require.ErrorContains(t, err, "Address already in use")
}

// After a reboot the recorded pid may belong to any program.
func TestStartIgnoresAReusedPID(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	before, kill := startChild(t, childOptions{Dir: dir, Unsafe: true})
	kill()
	require.NoError(t, syscall.Kill(before.Pid, syscall.SIGKILL))
	stranger := exec.Command("sleep", "600")
	require.NoError(t, stranger.Start())
	t.Cleanup(func() {
		_ = stranger.Process.Kill()
		_ = stranger.Wait()
	})
	pidFile := filepath.Join(before.Dir, "data", "postmaster.pid")
	text, err := os.ReadFile(pidFile)
	require.NoError(t, err)
	old, changed := strconv.Itoa(before.Pid), strconv.Itoa(stranger.Process.Pid)
	require.NoError(t, os.WriteFile(pidFile, []byte(strings.Replace(string(text), old, changed, 1)), 0o600))

	s := start(t, pgserver.Options{Dir: dir, Unsafe: true})
	require.Equal(t, 1, query[int](t, s.URL(""), "select 1"))
	require.True(t, pgserver.Alive(stranger.Process.Pid))
}

func TestStartResumesAnInterruptedInitdb(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "data.new", "base"), 0o700))
	s := start(t, pgserver.Options{Dir: dir, Unsafe: true})
	require.Equal(t, 1, query[int](t, s.URL(""), "select 1"))
}

func TestServerRecoversAfterSIGKILL(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	before, kill := startChild(t, childOptions{Dir: dir, Unsafe: true})
	exec1(t, before.URL, "create table kept as select 42 as n")
	kill()
	require.True(t, pgserver.Alive(before.Pid), "PostgreSQL outlives the process that started it")

	s := start(t, pgserver.Options{Dir: dir, Unsafe: true})
	eventually(t, func() bool { return !pgserver.Alive(before.Pid) }, "the next start leaves no orphan")
	require.Equal(t, 42, query[int](t, s.URL(""), "select n from kept"))
}

func TestRemoveStopsAnOrphan(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	report, kill := startChild(t, childOptions{Dir: dir, Unsafe: true})
	require.ErrorContains(t, pgserver.Remove(t.Context(), dir), "in use", "no orphan while its parent lives")
	kill()
	require.NoError(t, pgserver.Remove(t.Context(), dir))
	require.False(t, pgserver.Alive(report.Pid))
	require.NoDirExists(t, report.Dir)
}

func TestServerRecoversAfterPostgreSQLIsKilledToo(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	before, kill := startChild(t, childOptions{Dir: dir})
	exec1(t, before.URL, "create table kept as select 42 as n")
	kill()
	require.NoError(t, syscall.Kill(before.Pid, syscall.SIGKILL))

	s := start(t, pgserver.Options{Dir: dir, Unsafe: true})
	require.Equal(t, 42, query[int](t, s.URL(""), "select n from kept"))
}

func TestServerStopsWithItsParent(t *testing.T) {
	t.Parallel()
	report, kill := startChild(t, childOptions{Dir: folder(t), Unsafe: true, StopWithParent: true, RemoveAfter: true})
	require.DirExists(t, report.Dir)
	kill()
	eventually(t, func() bool { return !pgserver.Alive(report.Pid) }, "PostgreSQL ends with its parent")
	eventually(t, func() bool {
		_, err := os.Stat(report.Dir)
		return os.IsNotExist(err)
	}, "its folder goes too")
}

// A program may keep only the URL of the server: the garbage collection of the rest must not stop
// the server.
func TestServerSurvivesGarbageCollection(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "pgserver-gc-") //nolint:usetesting // PostgreSQL's account must reach it, and it outlives the test's context
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	url, pid := func() (string, int) {
		s, err := pgserver.Start(t.Context(), pgserver.Options{Dir: dir, Unsafe: true, StopWithParent: true})
		require.NoError(t, err)
		return s.URL(""), s.Pid()
	}()
	t.Cleanup(func() {
		require.NoError(t, syscall.Kill(pid, syscall.SIGINT))
		eventually(t, func() bool { return !pgserver.Alive(pid) }, "PostgreSQL stops")
	})
	for range 5 {
		runtime.GC()
		require.Equal(t, 1, query[int](t, url, "select 1"))
	}
	_, err = pgserver.Start(t.Context(), pgserver.Options{Dir: dir})
	require.ErrorContains(t, err, "in use")
}

// Folders of root are often not accessible for the account that must run PostgreSQL.
// TestAllAsUnprivilegedUser covers the other users.
func TestStartInAFolderThatTheAccountCannotOpen(t *testing.T) {
	t.Parallel()
	closed := t.TempDir()
	require.NoError(t, os.Chmod(closed, 0o700))
	dir := filepath.Join(closed, "postgres")
	s := start(t, pgserver.Options{Dir: dir, Unsafe: true})
	if os.Geteuid() != 0 {
		require.Equal(t, dir, s.Dir(), "a plain user reaches its own folders")
		return
	}
	require.NotEqual(t, dir, s.Dir())
	location, err := os.ReadFile(filepath.Join(dir, "location"))
	require.NoError(t, err)
	require.Equal(t, s.Dir()+"\n", string(location), "the folder asked for says where the data is")
	require.ErrorContains(t, pgserver.Remove(t.Context(), dir), "in use")

	require.NoError(t, s.Stop())
	require.NoError(t, pgserver.Remove(t.Context(), dir))
	require.NoDirExists(t, s.Dir())
	require.NoDirExists(t, dir)
}

// TestEqualPathsInTwoMountNamespaces uses two folders with the same path, as in two containers that
// share a temporary folder.
func TestEqualPathsInTwoMountNamespaces(t *testing.T) {
	t.Parallel()
	closed := filepath.Join(t.TempDir(), "closed")
	require.NoError(t, os.Mkdir(closed, 0o700))
	dir := filepath.Join(closed, "postgres")
	first := start(t, pgserver.Options{Dir: dir, Unsafe: true})
	require.NoError(t, os.Rename(closed, closed+"-other"))
	require.NoError(t, os.Mkdir(closed, 0o700))
	if os.Geteuid() == 0 { // without root, the data is in the folder itself
		second := start(t, pgserver.Options{Dir: dir, Unsafe: true})
		require.NotEqual(t, first.Dir(), second.Dir())
		require.NoError(t, second.Stop())
		require.NoError(t, pgserver.Remove(t.Context(), dir))
	}
	require.NoError(t, os.RemoveAll(closed))
	require.NoError(t, os.Rename(closed+"-other", closed))
	require.NoError(t, first.Stop())
	require.NoError(t, pgserver.Remove(t.Context(), dir))
}

// TestAllAsUnprivilegedUser runs some of the tests above again as the account nobody, if root runs them.
func TestAllAsUnprivilegedUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		return // all tests of the file have just run as an unprivileged user
	}
	unprivileged, err := user.Lookup("nobody")
	require.NoError(t, err)
	uid, err := strconv.Atoi(unprivileged.Uid)
	require.NoError(t, err)
	gid, err := strconv.Atoi(unprivileged.Gid)
	require.NoError(t, err)

	// The account nobody can enter neither the folder of the test binary nor t.TempDir.
	place, err := os.MkdirTemp("", "pgserver-plain-") //nolint:usetesting // a plain user must reach it
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(place)) })
	require.NoError(t, os.Chown(place, uid, gid))
	binary := filepath.Join(place, "pgserver.test")
	// Another process copies it: a file that this one writes cannot be executed while a child that
	// another test starts at that moment still has its descriptor (ETXTBSY).
	copied, err := exec.CommandContext(t.Context(), "install", "-m", "755", os.Args[0], binary).CombinedOutput()
	require.NoError(t, err, "%s", copied)

	cmd := exec.CommandContext(t.Context(), binary, "-test.run=^Test(ServerStartsAndStops|ServerRecoversAfterSIGKILL|StartIgnoresAReusedPID|StartInAFolderThatTheAccountCannotOpen|ServerStopsWithItsParent)$", "-test.v")
	cmd.Dir = place
	cmd.Env = []string{"HOME=" + place, "TMPDIR=" + place, "PATH=" + os.Getenv("PATH")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "--- PASS: TestServerRecoversAfterSIGKILL")
}
