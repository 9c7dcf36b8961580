package cli

import (
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// Terminal is an output that is a terminal.
type Terminal struct {
	*os.File
	color bool // states have a color
	dumb  bool // it has no cursor that moves: no bars, no refresh in place
}

// NewOutput returns the output of commands: a Terminal if out is one, else out. environ has the
// variables NO_COLOR, which turns color off unless it is empty, and TERM.
func NewOutput(out io.Writer, environ []string) io.Writer {
	f, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return out
	}
	variables := map[string]string{}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		variables[name] = value
	}
	dumb := variables["TERM"] == "dumb"
	return &Terminal{File: f, color: variables["NO_COLOR"] == "" && !dumb, dumb: dumb}
}

// terminalFile returns the terminal behind out, or nil if out is none.
func terminalFile(out io.Writer) *os.File {
	switch o := out.(type) {
	case *Terminal:
		return o.File
	case *os.File:
		if term.IsTerminal(int(o.Fd())) {
			return o
		}
	}
	return nil
}

func isTerminal(out io.Writer) bool { return terminalFile(out) != nil }

// movesCursor reports whether out is a terminal on which text can be replaced.
func movesCursor(out io.Writer) bool {
	t, ok := out.(*Terminal)
	return isTerminal(out) && !(ok && t.dumb)
}

// terminalWidth returns the width of the terminal behind out, in characters, or 0 if out is no
// terminal.
func terminalWidth(out io.Writer) int {
	f := terminalFile(out)
	if f == nil {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// Colors of states.
const (
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	plain  = "\x1b[0m"
)

// paint returns a text in the color of the first state that it names, if out shows colors.
func paint(out io.Writer, text string) string {
	if t, ok := out.(*Terminal); !ok || !t.color {
		return text
	}
	for word := range strings.FieldsSeq(text) {
		switch strings.Trim(word, ",…") {
		case "failed", "rejected", "stale", "open":
			return red + text + plain
		case "paused", "waits", "cancelled", "skipped", "never":
			return yellow + text + plain
		case "completed", "fresh", "applied", "accepted":
			return green + text + plain
		}
	}
	return text
}
