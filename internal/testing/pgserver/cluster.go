package pgserver

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/lazi/lazisync/internal/testing/durable"
)

// Role and Database exist in every cluster that this package creates.
const (
	Role     = "lazisync"
	Database = "lazisync"
)

// clusterMajor returns the version that created the cluster in data, or 0 if there is none.
func clusterMajor(data string) (int, error) {
	text, err := os.ReadFile(filepath.Join(data, "PG_VERSION"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0, fmt.Errorf("%s holds %q, want a version number", filepath.Join(data, "PG_VERSION"), text)
	}
	return major, nil
}

// createCluster creates the data folder. It prepares the folder under another name and renames it
// last, so that a process killed during that leaves nothing that looks complete.
func (h home) createCluster(ctx context.Context, bin Binaries, password string, unsafe bool) error {
	fresh := h.data() + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return err
	}
	if err := os.Mkdir(fresh, 0o700); err != nil {
		return err
	}
	if err := h.who.own(fresh); err != nil {
		return err
	}
	if err := h.initdb(ctx, bin, fresh, password, unsafe); err != nil {
		return err
	}
	if err := h.createDatabase(ctx, bin, fresh); err != nil {
		return err
	}
	if err := os.Rename(fresh, h.data()); err != nil {
		return err
	}
	return durable.SyncDir(h.dir)
}

func (h home) initdb(ctx context.Context, bin Binaries, data, password string, unsafe bool) error {
	// initdb reads the password from a file that its account must be able to open.
	passwordFile := filepath.Join(h.dir, "initdb-password")
	if err := os.WriteFile(passwordFile, []byte(password+"\n"), 0o600); err != nil {
		return err
	}
	defer os.Remove(passwordFile)
	if err := h.who.own(passwordFile); err != nil {
		return err
	}
	args := []string{
		"--pgdata=" + data, "--username=" + Role, "--pwfile=" + passwordFile,
		"--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-instructions",
	}
	if unsafe {
		args = append(args, "--no-sync")
	}
	if out, err := h.command(ctx, bin, "initdb", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("initdb in %s: %w: %s", h.dir, err, lastLines(out))
	}
	return nil
}

// createDatabase creates the database in single-user mode before the server first runs: that needs
// no client program, and a cluster always has its database.
func (h home) createDatabase(ctx context.Context, bin Binaries, data string) error {
	cmd := h.command(ctx, bin, "postgres", "--single", "-D", data, "template1")
	cmd.Stdin = strings.NewReader("create database " + Database + ";\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("create database %s: %w: %s", Database, err, lastLines(out))
	}
	return nil
}

// command prepares one of PostgreSQL's programs. Its environment is short: no PG… variable of the
// user has an effect, and LC_ALL=C makes messages, sorting and the start on macOS the same
// everywhere.
func (h home) command(ctx context.Context, bin Binaries, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(bin.Dir, program), args...)
	cmd.Dir = h.dir
	cmd.Env = []string{"LC_ALL=C", "PATH=" + os.Getenv("PATH"), "HOME=" + h.dir}
	h.who.apply(cmd)
	return cmd
}

// loadPassword returns the cluster's password: the configured one, the one stored at the first
// start, or a new random one, which it stores.
func (h home) loadPassword(asked string, clusterExists bool) (string, error) {
	if asked != "" {
		return asked, nil
	}
	kept, err := os.ReadFile(h.password())
	if err == nil {
		return strings.TrimSpace(string(kept)), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if clusterExists {
		return "", fmt.Errorf("the password of the PostgreSQL data in %s is missing (%s); remove the folder to create a new cluster", h.dir, h.password())
	}
	fresh := rand.Text()
	return fresh, durable.WriteFile(h.password(), []byte(fresh+"\n"), 0o600)
}

// lastLines returns the end of a program's output, short enough for an error.
func lastLines(out []byte) string {
	text := strings.TrimSpace(string(out))
	const most = 1000
	if len(text) > most {
		text = "…" + text[len(text)-most:]
	}
	return text
}
