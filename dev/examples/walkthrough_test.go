//go:build git

package examples

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/process"
	"github.com/lazi/lazisync/internal/config"
)

// walkPatience is for one block of the page. The first one builds the programs.
const walkPatience = 15 * time.Minute

// dashboard is the address of the page that the walk-through shows. If the port is taken,
// lazisync-dev uses another one.
const dashboard = "http://127.0.0.1:8080"

// The test begins in an empty folder and pastes the blocks of docs/getting-started.md into
// terminals, in order: ```sh is the first terminal, ```sh second terminal the other one. Each
// block must succeed, and print what the block ```text after it shows, where … means any
// text.
func TestDocsGettingStartedWorksFromAnEmptyFolder(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "getting-started.md"))
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?ms)^```(sh|sh second terminal|text)\n(.*?)^```").FindAllStringSubmatch(string(text), -1)
	require.Greater(t, len(blocks), 20)

	environ := environOfAUser(t)
	folder := t.TempDir()
	first := openTerminal(t, folder, environ)
	second := openTerminal(t, filepath.Join(folder, "lazisync"), environ)
	printed, count := "", 0
	for i, block := range blocks {
		info, body := block[1], block[2]
		switch info {
		case "text":
			require.Regexp(t, pattern(body), printed, "block %d does not print:\n%s", i, body)
			count++
		case "sh second terminal":
			second.start(t, body)
			shown := pattern(blocks[i+1][2])
			require.Eventually(t, func() bool { return shown.MatchString(second.log.String()) }, walkPatience, 100*time.Millisecond,
				"the second terminal does not show what the page shows: %s", second.log)
			printed = second.log.String()
		default:
			if at := regexp.MustCompile(`dashboard +(http://\S+)`).FindStringSubmatch(second.log.String()); at != nil {
				body = strings.ReplaceAll(body, dashboard, at[1])
			}
			printed = first.paste(t, body)
		}
	}
	require.Greater(t, count, 10)
	select {
	case err := <-second.ended:
		require.NoError(t, err)
		second.ended <- err
	case <-time.After(patience):
		require.Fail(t, "the page ends with everything stopped", "%s", second.log)
	}
}

// pattern matches an output that contains the lines of a block one after another. … means
// any text and, on a line of its own, for any lines.
func pattern(block string) *regexp.Regexp {
	var lines []string
	for line := range strings.Lines(block) {
		line = strings.TrimRight(line, "\n")
		if strings.TrimSpace(line) == "…" {
			lines = append(lines, `(?:.*\n)*?`)
			continue
		}
		line = regexp.QuoteMeta(strings.TrimRight(line, " "))
		lines = append(lines, strings.ReplaceAll(line, "…", ".*?")+` *(?:\n|\z)`)
	}
	return regexp.MustCompile(`(?m)^` + strings.Join(lines, ""))
}

// environOfAUser is this process's environment with no settings of lazisync but schedules. The address of
// the repository leads to a commit with the files of this one.
func environOfAUser(t *testing.T) []string {
	t.Helper()
	environ := slices.DeleteFunc(os.Environ(), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return strings.HasPrefix(name, "GIT_") ||
			slices.ContainsFunc(config.Variables, func(v config.Variable) bool { return name == v.Name || name == v.Name+"_FILE" })
	})
	const rarely = "0 4 1 1 *" // no schedule runs in the middle of the page
	return append(environ, "NO_COLOR=1", "COLUMNS=100", "SYNC_SCHEDULE_INCREMENTAL="+rarely, "SYNC_SCHEDULE_FULL="+rarely, "GIT_CONFIG_COUNT=1",
		"GIT_CONFIG_KEY_0=url."+(&url.URL{Scheme: "file", Path: repository(t)}).String()+".insteadOf", "GIT_CONFIG_VALUE_0=https://github.com/lazi/lazisync.git")
}

// repository makes a repository with the present content of the files that Git knows or would
// add.
func repository(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	script := `git -C "$1" ls-files -z --cached --others --exclude-standard | tar -C "$1" --null --ignore-failed-read -T - -cf - | tar -C "$2" -xf -
		cd "$2" && git init -q && git add -A && git -c user.name=test -c user.email=test@example.com commit -qm test`
	absolute, err := filepath.Abs(root)
	require.NoError(t, err)
	out, err := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", script, "bash", absolute, dir).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return dir
}

// terminal is a shell that keeps its folder and variables from block to block.
type terminal struct {
	dir     string
	environ []string
	scratch string
	pasted  int
	cmd     *exec.Cmd
	log     *process.Log
	ended   chan error
}

func openTerminal(t *testing.T, dir string, environ []string) *terminal {
	t.Helper()
	return &terminal{dir: dir, environ: environ, scratch: t.TempDir(), log: &process.Log{}, ended: make(chan error, 1)}
}

// paste runs a block to its end and returns what it printed.
func (w *terminal) paste(t *testing.T, block string) string {
	t.Helper()
	state := filepath.Join(w.scratch, "state")
	script := fmt.Sprintf("[ ! -e %[1]q ] || . %[1]q\ncd %[2]q\nset -e\n{\n%[3]s\n} </dev/null\nset +e\nexport -p >%[1]q\npwd >%[1]q.dir\n", state, w.dir, block)
	cmd := exec.Command("bash", "-c", script)
	cmd.Env = w.environ
	log := &process.Log{}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		require.NoError(t, err, "%s\nprints:\n%s", block, log)
	case <-time.After(walkPatience):
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		require.Fail(t, "the block does not end", "%s\nprints:\n%s", block, log)
	}
	dir, err := os.ReadFile(state + ".dir")
	require.NoError(t, err)
	w.dir = strings.TrimSpace(string(dir))
	t.Logf("$ %s%s", block, log)
	return log.String()
}

// start runs a block until the test ends or something stops it.
func (w *terminal) start(t *testing.T, block string) {
	t.Helper()
	w.cmd = exec.Command("bash", "-c", "exec "+block)
	w.cmd.Dir, w.cmd.Env = w.dir, w.environ
	w.cmd.Stdout, w.cmd.Stderr = w.log, w.log
	require.NoError(t, w.cmd.Start())
	go func() { w.ended <- w.cmd.Wait() }()
	t.Cleanup(func() {
		_ = w.cmd.Process.Signal(syscall.SIGTERM)
		w.ended <- <-w.ended
		t.Logf("$ %s%s", block, w.log)
	})
}
