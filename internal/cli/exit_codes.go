package cli

import (
	"fmt"
	"strings"
)

// Exit codes. Wrong usage and wrong configuration exit with ExitUsage in every command.
const (
	ExitCompleted = 0
	ExitFailed    = 1
	ExitUsage     = 2
	ExitCancelled = 3
	ExitRejected  = 4
	// ExitSkipped means that a sync completed but skipped at least one entity.
	ExitSkipped = 5
	// ExitInterrupted means that the command was interrupted before the outcome, as shells
	// report Ctrl-C.
	ExitInterrupted = 130
)

// ExitCode is an exit code with its meaning.
type ExitCode struct {
	Code    int
	Meaning string
}

// ExitCodes lists the exit codes of all commands. docs/commands.md has the same table.
var ExitCodes = []ExitCode{
	{ExitCompleted, "done; with request --wait: completed, and every entity was read"},
	{ExitFailed, "failed; with request --wait: at least one entity failed; of doctor: a check failed"},
	{ExitUsage, "wrong usage or configuration; nothing was published"},
	{ExitCancelled, "request --wait: the run was cancelled"},
	{ExitRejected, "the bridge rejected the command, or there is nothing to pause, resume or cancel, or the schedule still runs"},
	{ExitSkipped, "request --wait: completed, and at least one entity was skipped"},
	{ExitInterrupted, "interrupted before the outcome; the sync continues"},
}

// ExitCodesHelp returns the table of exit codes as text.
func ExitCodesHelp() string {
	var b strings.Builder
	b.WriteString("Exit codes of all commands:\n\n")
	for _, c := range ExitCodes {
		fmt.Fprintf(&b, "  %3d  %s\n", c.Code, c.Meaning)
	}
	b.WriteString("\nIf a request was made before, request --wait exits with the outcome of the first one.\nevents tail and status --watch exit with 0 when they are interrupted.\n")
	return b.String()
}
