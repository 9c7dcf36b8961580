package pgserver

import (
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"syscall"
)

// guardScript waits for a line on its standard input. A line means that all is well. End of file
// without a line means that the process at the other end died; the script then stops PostgreSQL
// ($1) and deletes the folder $2, if it is set.
const guardScript = `
read -r word && exit 0
kill -QUIT "$1" 2>/dev/null
tries=0
while kill -0 "$1" 2>/dev/null && [ "$tries" -lt 100 ]; do sleep 0.1; tries=$((tries+1)); done
if [ -n "$2" ]; then rm -rf -- "$2"; fi
`

// guard is a shell that outlives this process briefly: even SIGKILL closes the pipe between the
// two.
type guard struct {
	cmd  *exec.Cmd
	hold io.WriteCloser
}

func startGuard(pid int, removeDir string) (*guard, error) {
	cmd := exec.Command("/bin/sh", "-c", guardScript, "sh", strconv.Itoa(pid), removeDir)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	hold, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("guard PostgreSQL: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("guard PostgreSQL: %w", err)
	}
	return &guard{cmd: cmd, hold: hold}, nil
}

// dismiss ends the guard without any action.
func (g *guard) dismiss() {
	// Writing to a guard that was killed fails; then nothing is left to end.
	_, _ = io.WriteString(g.hold, "done\n")
	_ = g.hold.Close()
	_ = g.cmd.Wait()
}
