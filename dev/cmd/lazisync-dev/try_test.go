package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/process"
)

// The lines after "Try" work when they are pasted into a new shell in the folder of the program.
func TestTryListWorksInANewShell(t *testing.T) {
	t.Parallel()
	who := person{name: "the user of the test"}
	home := who.home(t)
	bin := filepath.Join(home, "bin")
	require.NoError(t, os.Mkdir(bin, 0o755))
	require.NoError(t, process.Build("../../..", filepath.Join(bin, "lazisync"), ""))
	require.NoError(t, os.Symlink(programFor(t, who), filepath.Join(bin, "lazisync-dev")))
	tools := t.TempDir() // has a nats CLI that prints which server it uses
	require.NoError(t, os.WriteFile(filepath.Join(tools, "nats"), []byte("#!/bin/sh\necho nats CLI: $NATS_URL: $@\n"), 0o755))
	newShell := []string{programVariable + "=1", "HOME=" + home, "TMPDIR=" + home, "PATH=" + tools + ":" + os.Getenv("PATH"), "PG_BIN=" + os.Getenv("PG_BIN")}

	demo := &program{cmd: exec.Command(filepath.Join(bin, "lazisync-dev"), "demo", "--free-ports", "--records=50"), out: &process.Log{}, ended: make(chan struct{})}
	demo.cmd.Args[0], demo.cmd.Dir, demo.cmd.Env, demo.cmd.Stdout, demo.cmd.Stderr = "bin/lazisync-dev", home, newShell, demo.out, demo.out
	require.NoError(t, demo.cmd.Start())
	go func() {
		demo.endErr = demo.cmd.Wait()
		close(demo.ended)
	}()
	t.Cleanup(func() { _ = demo.cmd.Process.Kill() })
	demo.awaitText(t, "Ctrl-C stops everything")

	_, rest, _ := strings.Cut(demo.out.String(), "\nTry, in another terminal in this folder:\n")
	list, _, found := strings.Cut(rest, "\n\n")
	require.True(t, found, demo.out.String())
	require.Equal(t, `eval "$(bin/lazisync-dev env --dir .lazisync/demo)"`, strings.TrimSpace(strings.Split(list, "\n")[0]))
	shell := exec.CommandContext(t.Context(), "sh", "-e")
	shell.Dir, shell.Env, shell.Stdin = home, newShell, strings.NewReader(list)
	pasted, err := shell.CombinedOutput()
	require.NoError(t, err, "%s", pasted)
	for _, want := range []string{
		"completed  run ", "Latest runs\n", " 0 failures\n", "customers", "nats CLI: nats://127.0.0.1:",
		`: pub sync.requested {"mode":"incremental"}`,
	} {
		require.Contains(t, string(pasted), want)
	}
	require.NoError(t, demo.cmd.Process.Signal(syscall.SIGINT))
	require.Zero(t, demo.awaitEnd(t, shutdownLimit))
}
