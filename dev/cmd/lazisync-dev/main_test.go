package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/process"
)

// programVariable turns the test binary into lazisync-dev, so that a test can run it as
// another user and kill it.
const programVariable = "LAZISYNC_DEV_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(programVariable) != "" {
		main()
		return
	}
	code := m.Run()
	removePrograms()
	os.Exit(code)
}

const (
	patience = 90 * time.Second // a start on a busy machine
	tick     = 50 * time.Millisecond
)

// person is who runs the program.
type person struct {
	name     string
	uid, gid int // 0 is the user of the test
}

// people returns the users for which the program must work: the user of the tests and, if
// that is root, also a user without privileges.
func people(t *testing.T) []person {
	t.Helper()
	me := person{name: "the user of the test"}
	if os.Geteuid() != 0 || testing.Short() {
		return []person{me}
	}
	unprivileged, err := user.Lookup("nobody")
	require.NoError(t, err)
	uid, err := strconv.Atoi(unprivileged.Uid)
	require.NoError(t, err)
	gid, err := strconv.Atoi(unprivileged.Gid)
	require.NoError(t, err)
	return []person{me, {"a plain user", uid, gid}}
}

// home makes a folder that belongs to the person.
func (p person) home(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "lazisync-dev-test-") //nolint:usetesting // t.TempDir is closed to other users
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if p.uid != 0 {
		require.NoError(t, os.Chown(dir, p.uid, p.gid))
	}
	require.NoError(t, os.Chmod(dir, 0o755))
	return dir
}

// program is a running lazisync-dev.
type program struct {
	cmd    *exec.Cmd
	out    *process.Log
	ended  chan struct{}
	endErr error
}

// launch starts lazisync-dev as a person, in their home.
func launch(t *testing.T, p person, home string, args ...string) *program {
	t.Helper()
	one := &program{cmd: exec.Command(programFor(t, p), args...), out: &process.Log{}, ended: make(chan struct{})}
	one.cmd.Dir = home
	one.cmd.Env = []string{programVariable + "=1", "HOME=" + home, "TMPDIR=" + home, "PATH=" + os.Getenv("PATH"), "PG_BIN=" + os.Getenv("PG_BIN")}
	one.cmd.Stdout, one.cmd.Stderr = one.out, one.out
	if p.uid != 0 {
		one.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(p.uid), Gid: uint32(p.gid)}}
	}
	require.NoError(t, one.cmd.Start())
	go func() {
		one.endErr = one.cmd.Wait()
		close(one.ended)
	}()
	t.Cleanup(func() {
		_ = one.cmd.Process.Kill()
		<-one.ended
		if t.Failed() {
			t.Logf("lazisync-dev %s said:\n%s", strings.Join(args, " "), one.out)
		}
	})
	return one
}

// awaitText waits until the program has said something.
func (p *program) awaitText(t *testing.T, text string) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(p.out.String(), text) || p.hasEnded() }, patience, tick)
	require.Contains(t, p.out.String(), text)
}

func (p *program) hasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// awaitEnd returns the exit code.
func (p *program) awaitEnd(t *testing.T, limit time.Duration) int {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(limit):
		require.Fail(t, "the program did not end in time")
	}
	return p.cmd.ProcessState.ExitCode()
}

// copies are of this binary, for people who cannot reach where go test put it.
var copies struct {
	mu  sync.Mutex
	dir string
}

func programFor(t *testing.T, p person) string {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	if p.uid == 0 {
		return self
	}
	copies.mu.Lock()
	defer copies.mu.Unlock()
	path := filepath.Join(copies.dir, "lazisync-dev")
	if copies.dir != "" {
		return path
	}
	dir, err := os.MkdirTemp("", "lazisync-dev-program-") //nolint:usetesting // it outlives the test
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755))
	path = filepath.Join(dir, "lazisync-dev")
	// Another process copies it: a file that this one writes cannot be executed while a child that
	// another test starts at that moment still has its descriptor (ETXTBSY).
	copied, err := exec.CommandContext(t.Context(), "install", "-m", "755", self, path).CombinedOutput()
	require.NoError(t, err, "%s", copied)
	copies.dir = dir
	return path
}

func removePrograms() {
	if copies.dir != "" {
		_ = os.RemoveAll(copies.dir)
	}
}

// links reads where a running program says everything is.
func links(t *testing.T, dir string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "state.json"))
	require.NoError(t, err)
	var state struct {
		Links []struct{ Name, URL string }
	}
	require.NoError(t, json.Unmarshal(text, &state))
	urls := map[string]string{}
	for _, l := range state.Links {
		urls[l.Name] = l.URL
	}
	return urls
}

// variables reads what "lazisync-dev env" prints.
func variables(t *testing.T, dir string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, envFile))
	require.NoError(t, err)
	found := map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "=")
		found[name] = strings.Trim(value, "'")
	}
	return found
}

func status(ctx context.Context, url string) int {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	return response.StatusCode
}

// processesOf lists the processes whose command line names a folder.
func processesOf(t *testing.T, folder string) (found []string) {
	t.Helper()
	out, err := exec.Command("ps", "-A", "-o", "pid=,stat=,args=").Output()
	require.NoError(t, err)
	lines := bufio.NewScanner(bytes.NewReader(out))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) > 2 && strings.Contains(lines.Text(), folder) && !strings.HasPrefix(fields[1], "Z") {
			found = append(found, fmt.Sprint(fields))
		}
	}
	return found
}
