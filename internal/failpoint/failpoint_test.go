package failpoint_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/failpoint"
)

// asProgram makes the test binary the program that hits steps.
const asProgram = "AS_PROGRAM"

var errLost = errors.New("the answer is lost")

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) == "" {
		os.Exit(m.Run())
	}
	for i := range 3 {
		failpoint.Hit("a/step")
		failpoint.Hit("another/step")
		if err := failpoint.Error("an/effect", errLost); err != nil {
			fmt.Println(err, errors.Is(err, errLost))
			continue
		}
		fmt.Println("lived", i)
	}
}

// build compiles this test with tags.
func build(t *testing.T, tags string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "program")
	out, err := exec.Command("go", "test", "-c", "-tags="+tags, "-o", binary, ".").CombinedOutput()
	require.NoError(t, err, string(out))
	return binary
}

func run(t *testing.T, binary, value string) (said string, state *os.ProcessState) {
	t.Helper()
	cmd := exec.Command(binary)
	cmd.Env = []string{asProgram + "=yes", failpoint.Variable + "=" + value}
	out, _ := cmd.Output() // how it ended is what the test looks at
	return strings.TrimSpace(string(out)), cmd.ProcessState
}

func TestTaggedBuildKillsItselfAtTheChosenHit(t *testing.T) {
	t.Parallel()
	tagged := build(t, "failpoint")
	for _, c := range []struct{ value, said string }{
		{"a/step", ""},
		{"another/step:2", "lived 0"},
		{"a/step:3=kill", "lived 0\nlived 1"},
	} {
		said, state := run(t, tagged, c.value)
		require.Equal(t, c.said, said, c.value)
		require.Equal(t, syscall.SIGKILL, state.Sys().(syscall.WaitStatus).Signal(), c.value)
	}
	for _, value := range []string{"", "a", "a/step:4", "unknown/step"} {
		said, state := run(t, tagged, value)
		require.Equal(t, "lived 0\nlived 1\nlived 2", said, value)
		require.True(t, state.Success(), value)
	}
	const lost = "failpoint an/effect: the answer is lost true"
	for _, c := range []struct{ value, said string }{
		{"an/effect=error", lost + "\nlived 1\nlived 2"},
		{"an/effect:2=error", "lived 0\n" + lost + "\nlived 2"},
		{"an/effect:*2=error", "lived 0\n" + lost + "\nlived 2"},
		{"an/effect:*1=error,unknown/step", lost + "\n" + lost + "\n" + lost},
		{"an/effect:2=error,a/step:3", "lived 0\n" + lost},
	} {
		said, _ := run(t, tagged, c.value)
		require.Equal(t, c.said, said, c.value)
	}
	began := time.Now()
	said, _ := run(t, tagged, "an/effect:2=sleep")
	require.Equal(t, "lived 0\nlived 1\nlived 2", said)
	require.GreaterOrEqual(t, time.Since(began), time.Second)
	for _, value := range []string{"a/step:0", "a/step:x", "a/step=explode", "a/step=error", "an/effect:*=error"} {
		_, state := run(t, tagged, value)
		require.Equal(t, 2, state.ExitCode(), "%s is refused", value)
	}

	said, state := run(t, build(t, ""), "a/step,an/effect=error")
	require.Equal(t, "lived 0\nlived 1\nlived 2", said, "a normal build knows no failpoint")
	require.True(t, state.Success())
}
