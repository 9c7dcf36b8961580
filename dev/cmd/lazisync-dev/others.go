package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/lazi/lazisync/dev/datadir"
	"github.com/lazi/lazisync/dev/stack"
	"github.com/lazi/lazisync/internal/cli"
	"github.com/lazi/lazisync/internal/config"
	"github.com/lazi/lazisync/internal/testing/pgserver"
)

// dirs returns the data folders in which a running lazisync-dev may have announced itself.
func (c *setup) dirs() []string {
	if c.dir != "" {
		return []string{c.dir}
	}
	return []string{usualDir, demoDir}
}

// stopLimit is the maximum time that a running lazisync-dev may take to stop.
const stopLimit = 45 * time.Second

func (c *setup) stop() *cobra.Command {
	return &cobra.Command{
		Use: "stop", Short: "Stop the one that runs, and the demo", Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			found := false
			for _, dir := range c.dirs() {
				state, running, err := datadir.Running(dir)
				if err != nil {
					return err
				}
				if !running {
					continue
				}
				found = true
				if err := stopProcess(cmd.Context(), dir, state.Pid); err != nil {
					return err
				}
				fmt.Fprintf(c.out, "stopped pid %d, which used %s\n", state.Pid, dir)
			}
			if !found {
				fmt.Fprintln(c.out, "nothing runs")
			}
			return nil
		},
	}
}

func stopProcess(ctx context.Context, dir string, pid int) error {
	if pid == 0 {
		return fmt.Errorf("%s is in use by a process that is just starting: try again", dir)
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("stop pid %d: %w", pid, err)
	}
	ctx, cancel := context.WithTimeout(ctx, stopLimit)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, running, err := datadir.Running(dir); err != nil || !running {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("pid %d, which uses %s, does not stop: %w", pid, dir, ctx.Err())
		case <-tick.C:
		}
	}
}

// envFile is the file with the variables for other programs. It contains passwords.
const envFile = "env"

// own lists the variables of listen addresses, which another process cannot share.
var own = []string{"HTTP_ADDR", "ADMIN_ADDR"}

// shared reports whether other programs get the variable: all of lazisync's variables but own,
// so that `lazisync doctor` checks the running servers.
func shared(name string) bool {
	return !slices.Contains(own, name) && slices.ContainsFunc(config.Variables, func(v config.Variable) bool {
		return name == v.Name || v.AllowsFile() && name == v.Name+"_FILE"
	})
}

func writeEnv(path string, s *stack.Stack) error {
	var b strings.Builder
	for _, entry := range s.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		if value != "" && shared(name) {
			fmt.Fprintf(&b, "export %s=%s\n", name, quoted(value))
		}
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		return fmt.Errorf("write the environment for other programs: %w", err)
	}
	return nil
}

func (c *setup) env() *cobra.Command {
	return &cobra.Command{
		Use: "env", Short: "Print the running one's environment, for eval in a shell",
		Long: "Prints the environment of the running lazisync-dev, passwords included, so that\n" +
			"`eval \"$(lazisync-dev env)\"` lets lazisync, nats, psql and temporal find it.",
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			text, err := c.readEnv()
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(c.out, text)
			return err
		},
	}
}

func (c *setup) readEnv() (string, error) {
	for _, dir := range c.dirs() {
		_, running, err := datadir.Running(dir)
		if err != nil {
			return "", err
		}
		if !running {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, envFile))
		if err != nil {
			return "", fmt.Errorf("the one that uses %s is not ready yet: %w", dir, err)
		}
		return string(text), nil
	}
	start := arg0() + " up"
	if c.dir != "" {
		start += " --dir " + word(c.dir)
	}
	return "", fmt.Errorf("nothing runs in %s: start it with %s", strings.Join(c.dirs(), " or "), start)
}

func (c *setup) psql() *cobra.Command {
	return &cobra.Command{
		Use: "psql [arguments of psql]", Short: "Open psql on the running one's database",
		DisableFlagParsing: true, // flags are for psql
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 && args[0] == "--dir" {
				c.dir, args = args[1], args[2:]
			}
			text, err := c.readEnv()
			if err != nil {
				return err
			}
			return execPsql(text, args)
		},
	}
}

// execPsql replaces the process by psql. The password is passed in the environment, because
// every user of the machine can read arguments.
func execPsql(env string, args []string) error {
	var raw string
	for line := range strings.Lines(env) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), "export DATABASE_URL="); ok {
			raw = strings.Trim(value, "'")
		}
	}
	u, err := url.Parse(raw)
	if err != nil || u.User == nil {
		return errors.New("the database is not one that this program started: call psql with your own URL")
	}
	path, err := exec.LookPath("psql")
	if err != nil {
		bin, findErr := pgserver.FindBinaries()
		if path = filepath.Join(bin.Dir, "psql"); findErr != nil {
			return &cli.ExitError{Code: cli.ExitFailed, Message: "psql is not installed (Debian and Ubuntu: apt install postgresql-client; macOS: brew install libpq)"}
		}
	}
	password, _ := u.User.Password()
	u.User = url.User(u.User.Username())
	return syscall.Exec(path, append([]string{"psql", u.String()}, args...), append(os.Environ(), "PGPASSWORD="+password))
}
