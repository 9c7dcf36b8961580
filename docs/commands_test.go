package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/config"
	"github.com/lazi/lazisync/internal/stream"
)

func number(t *testing.T, text string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(text, 10, 64)
	require.NoError(t, err)
	return n
}

// commands returns the commands of a document: the lines of its shell blocks, lines after
// a prompt in other blocks, and text between backticks.
func (d document) commands() []string {
	var all []string
	for _, f := range d.fence {
		for line := range strings.Lines(f.text) {
			command, prompted := strings.CutPrefix(line, "$ ")
			if prompted || f.info == "sh" {
				all = append(all, strings.TrimSpace(command))
			}
		}
	}
	for _, span := range regexp.MustCompile("`([^`\n]+)`").FindAllStringSubmatch(d.text, -1) {
		all = append(all, span[1])
	}
	return all
}

// argumentsOf returns the arguments of a command that runs the program. Assignments of
// variables may precede the program.
func argumentsOf(command, program string) (arguments []string, ok bool) {
	words := strings.Fields(strings.NewReplacer("'", "", `"`, "", ")", "").Replace(command))
	for len(words) > 0 && strings.Contains(words[0], "=") {
		words = words[1:]
	}
	if len(words) == 0 || strings.TrimPrefix(words[0], "bin/") != program {
		return nil, false
	}
	end := slices.IndexFunc(words, func(w string) bool { return w == "|" || w == "#" || w == ">" || w == "&&" || w == "→" })
	if end < 0 {
		end = len(words)
	}
	return words[1:end], true
}

// buildProgram builds lazisync on its first call and returns the path of the binary.
func buildProgram(t *testing.T) (path string) {
	t.Helper()
	buildOnce.Do(func() {
		dir, err := os.MkdirTemp("", "lazisync-docs") //nolint:usetesting // other tests use the program, too
		if err != nil {
			buildErr = err
			return
		}
		program = filepath.Join(dir, "lazisync")
		out, err := exec.Command("go", "build", "-o", program, "../cmd/lazisync").CombinedOutput()
		if buildErr = err; err != nil {
			t.Log(string(out))
		}
	})
	require.NoError(t, buildErr)
	return program
}

var (
	buildOnce sync.Once
	buildErr  error
	program   string
)

func TestMain(m *testing.M) {
	code := m.Run()
	if program != "" {
		_ = os.RemoveAll(filepath.Dir(program)) // this process created the folder
	}
	os.Exit(code)
}

func TestDocsCommandsExist(t *testing.T) {
	t.Parallel()
	help := map[string]string{} // by command
	helpOf := func(command string) string {
		if text, known := help[command]; known {
			return text
		}
		out, err := exec.Command(buildProgram(t), append(strings.Fields(command), "--help")...).CombinedOutput()
		require.NoError(t, err, "lazisync %s --help: %s", command, out)
		help[command] = string(out)
		return help[command]
	}
	count := 0
	for _, d := range documents(t) {
		for _, line := range d.commands() {
			arguments, ok := argumentsOf(line, "lazisync")
			if !ok || len(arguments) == 0 {
				continue
			}
			count++
			command := ""
			for _, word := range arguments {
				listed := regexp.MustCompile(`(?m)^  ` + regexp.QuoteMeta(word) + ` `).MatchString(helpOf(command))
				if !listed {
					break
				}
				command = strings.TrimSpace(command + " " + word)
			}
			if !strings.HasPrefix(arguments[0], "--") { // lazisync --version has no command
				require.NotEmpty(t, command, "%s: %s", d.name, line)
			}
			for _, word := range arguments {
				if flag, _, _ := strings.Cut(word, "="); strings.HasPrefix(flag, "--") {
					require.Contains(t, helpOf(command), strings.Trim(flag, "[],.;:"), "%s: %s", d.name, line)
				}
			}
		}
	}
	require.Greater(t, count, 20)
}

// The test looks up the commands of lazisync-dev in its source code, because building it
// includes building the Temporal server.
func TestDocsCommandsForDevelopmentExist(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob(filepath.Join(root, "dev/cmd/lazisync-dev/*.go"))
	require.NoError(t, err)
	var source strings.Builder
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		source.Write(text)
	}
	count := 0
	for _, d := range documents(t) {
		for _, line := range d.commands() {
			arguments, ok := argumentsOf(line, "lazisync-dev")
			if !ok || len(arguments) == 0 {
				continue
			}
			count++
			exists := regexp.MustCompile(`Use: "` + regexp.QuoteMeta(arguments[0]) + `[" ]`).MatchString(source.String())
			require.True(t, exists, "%s: %s", d.name, line)
		}
	}
	require.Positive(t, count)
}

func TestDocsTargetsOfMakeExist(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	require.NoError(t, err)
	count := 0
	for _, d := range documents(t) {
		for _, line := range d.commands() {
			arguments, ok := argumentsOf(line, "make")
			if !ok || len(arguments) == 0 {
				continue
			}
			count++
			exists := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(arguments[0]) + `:`).Match(makefile)
			require.True(t, exists, "%s: %s", d.name, line)
		}
	}
	require.Positive(t, count)
}

// foreignVariables are variables that other programs read.
var foreignVariables = []string{"TEST_DATABASE_URL", "PG_BIN", "GOTOOLCHAIN", "CRON_TZ", "NO_COLOR", "TEMPORAL_DATABASE_URL", "TEMPORAL_VISIBILITY_URL", "LAZISYNC_VERSION"}

func TestDocsVariablesExist(t *testing.T) {
	t.Parallel()
	known := slices.Clone(foreignVariables)
	for _, v := range config.Variables {
		known = append(known, v.Name)
		if v.Secret {
			known = append(known, v.Name+"_FILE")
		}
	}
	streams := []string{stream.StreamCommands, stream.StreamEvents, stream.StreamProgress, stream.StreamDeadLetter, stream.StreamAdvisories, stream.StreamIncidents}
	variable := regexp.MustCompile(`\b[A-Z]+(_[A-Z]+)+\b_?`)
	for _, d := range documents(t) {
		for _, line := range d.commands() {
			for _, name := range variable.FindAllString(line, -1) {
				if !strings.HasSuffix(name, "_") { // a prefix
					require.Contains(t, append(known, streams...), name, "%s: %s", d.name, line)
				}
			}
		}
	}
}
