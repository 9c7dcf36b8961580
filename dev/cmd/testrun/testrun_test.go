package main

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPartOf(t *testing.T) {
	t.Parallel()
	const module = "github.com/lazi/lazisync"
	for name, c := range map[string]struct{ pkg, test, want string }{
		"plain":            {"/bridge", "TestRoutes", "units"},
		"fuzz":             {"/events", "FuzzDecode", "bad input and fuzz"},
		"bad input":        {"/events", "TestRejectedBecauseUnknown", "bad input and fuzz"},
		"example":          {"/events", "ExampleNew", "docs and examples"},
		"killed":           {"/internal/testing/pgserver", "TestSurvivesSIGKILL", "faults"},
		"killed, in a run": {"/dev/e2e", "TestWorkerKilled", "faults"},
		"end to end":       {"/dev/e2e", "TestFullSync", "end to end"},
		"store":            {"/internal/store", "TestPage", "store and stream"},
		"conformance":      {"/internal/simulator", "TestExchanges", "conformance"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, partOf(module+c.pkg, c.test))
		})
	}
}

func TestFuzzStepsFindAllFuzzTests(t *testing.T) {
	t.Parallel()
	root, err := findRoot()
	require.NoError(t, err)
	r := &runner{root: root, environ: os.Environ()}
	steps, err := r.fuzzSteps(t.Context(), 20_000)
	require.NoError(t, err)
	var titles []string
	for _, s := range steps {
		titles = append(titles, s.title)
	}
	for _, want := range []string{
		"FuzzDecode of lazisync/events", "FuzzHeader of lazisync/events", "FuzzControlData of lazisync/events",
		"FuzzWebhookBody of lazisync/internal/gateway", "FuzzDecodePage of lazisync/internal/servicetitan", "FuzzCommand of lazisync/bridge",
		"FuzzValid of lazisync/internal/jsonscan",
	} {
		require.Contains(t, titles, want+" with 20000 inputs:")
	}
}

func TestCleanEnvironment(t *testing.T) {
	t.Parallel()
	got := cleanEnvironment([]string{
		"PATH=/bin", "NATS_URL=nats://production", "DATABASE_URL=postgres://production", "PGHOST=production", "PG_BIN=/opt/pg",
		"SERVICETITAN_CLIENT_ID=cid", "SLACK_WEBHOOK_URL=https://production", "HOME=/root",
	})
	require.Equal(t, []string{"PATH=/bin", "PG_BIN=/opt/pg", "HOME=/root"}, got)
}

// source returns the source of a test in testdata. Tests that skip are there, because no test of
// this repository may.
func source(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return string(text)
}

// module writes a small module with one test file and returns its folder.
func module(t *testing.T, test string) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module example.com/m\n\ngo 1.26\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "m_test.go"), []byte("package m\n\nimport \"testing\"\n\n"+test), 0o600))
	return dir
}

func TestRun(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		test   string
		failed bool
		want   []string
	}{
		"passes":         {"func TestA(t *testing.T) {}", false, []string{"ok  \t", "ok: 1 tests"}},
		"fails":          {`func TestA(t *testing.T) { t.Error("why it failed") }`, true, []string{"why it failed", "fail TestA"}},
		"says why":       {`func TestA(t *testing.T) { t.Log("{\"level\":1}"); t.Error("first\nsecond") }`, true, []string{"fail TestA (example.com/m)\n      m_test.go:5: first\n          second\n"}},
		"skips":          {source(t, "skips.txt"), true, []string{"no service", "skip TestA"}},
		"skips a part":   {source(t, "skips-a-part.txt"), true, []string{"skip TestA/b"}},
		"crashes":        {`func TestA(t *testing.T) { go func() { panic("how it crashed") }(); select {} }`, true, []string{"how it crashed"}},
		"does not build": {"func TestA(t *testing.T) { undefined() }", true, []string{"undefined: undefined"}},
		"nothing to run": {"func testA(t *testing.T) {}", true, []string{"no test ran"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			r := &runner{root: module(t, c.test), environ: cleanEnvironment(os.Environ()), out: &clockedWriter{Writer: &out}}
			require.NoError(t, r.run(t.Context(), step{module: ".", args: []string{"./..."}}))
			r.report(0)
			require.Equal(t, c.failed, r.failed(), out.String())
			for _, text := range c.want {
				require.Contains(t, out.String(), text)
			}
		})
	}
}

func TestFaultTagsOmitUnmetRequirements(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	var out bytes.Buffer
	tags := (&runner{out: &clockedWriter{Writer: &out}}).faultTags()
	require.NotContains(t, tags, "privileged", "mount is not in PATH")
	require.Contains(t, tags, "fault")
	require.Contains(t, out.String(), "Omitting the privileged tests: they need root on Linux")
}

func TestARequirementIsAnyOfItsProgramsAndAllOfTheOthers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		programs, also []string
		want           bool
	}{
		"one of two":      {[]string{"lacking", "go"}, nil, true},
		"none of two":     {[]string{"lacking", "absent"}, nil, false},
		"both":            {[]string{"go"}, []string{"go"}, true},
		"not the other":   {[]string{"go"}, []string{"lacking"}, false},
		"one of two more": {[]string{"go"}, []string{"go", "lacking"}, false},
	} {
		require.Equal(t, c.want, requirement{programs: c.programs, also: c.also}.isMet(), name)
	}
}

// A renamed test or package would otherwise move to make test, or to its end, without notice.
func TestNamesOfThePlanExist(t *testing.T) {
	t.Parallel()
	root, err := findRoot()
	require.NoError(t, err)
	for _, suffix := range strings.Split(longTests, "|") {
		tests := regexp.MustCompile(`(?m)^func Test\w*` + strings.TrimSuffix(suffix, "$") + `\(`)
		var found []string
		for _, folder := range []string{"e2e", "examples", "cmd/bench"} {
			files, err := filepath.Glob(filepath.Join(root, "dev", folder, "*_test.go"))
			require.NoError(t, err)
			for _, file := range files {
				text, err := os.ReadFile(file)
				require.NoError(t, err)
				found = append(found, tests.FindAllString(string(text), -1)...)
			}
		}
		require.NotEmpty(t, found, suffix)
	}
	for folder, name := range map[string]string{"bridge": "TestSequences", "workflows": "TestWorkflowSequences"} {
		text, err := os.ReadFile(filepath.Join(root, folder, "sequence_test.go"))
		require.NoError(t, err)
		require.Contains(t, string(text), "func "+name+"(")
		require.Regexp(t, sequences, name)
	}
	for _, pkg := range slices.Concat(longestPackages, racedPackages, unracedPackages) {
		require.DirExists(t, filepath.Join(root, pkg))
	}
}

func TestFurtherTestsAreThoseThatMakeTestLacks(t *testing.T) {
	t.Parallel()
	root, err := findRoot()
	require.NoError(t, err)
	got, err := (&runner{root: root}).furtherTests()
	require.NoError(t, err)
	for _, want := range []string{
		"TestRatiosOfADeployment",                                       // takes minutes
		"TestHistories",                                                 // shortens itself
		"TestEverythingWorksThroughPgBouncer", "TestDocsGettingStarted", // have a tag
		"TestContainersOfComposeAndPodsOfKubernetesSync",
		"TestChangesOfOtherVersionsApply", // of the package with fault tests
	} {
		require.True(t, slices.ContainsFunc(got.tests, func(name string) bool { return strings.HasPrefix(name, want) }), want)
	}
	require.NotContains(t, got.tests, "TestFurtherTestsAreThoseThatMakeTestLacks")
	require.Subset(t, got.packages, []string{"/dev/e2e", "/dev/examples", "/dev/conformance", "/dev/ports", faultPackage})
	require.NotContains(t, got.packages, "/dev/natsserver")
}

// A use of testing.Short in a file without tests would leave its tests shortened in "make test-all".
func TestFilesThatShortenTestsHaveThem(t *testing.T) {
	t.Parallel()
	root, err := findRoot()
	require.NoError(t, err)
	require.NoError(t, filepath.WalkDir(filepath.Join(root, "dev"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".go" {
			return err
		}
		text, err := os.ReadFile(path)
		if err == nil && bytes.Contains(text, []byte("testing.Short"+"()")) {
			require.Regexp(t, testFunction, string(text), path)
		}
		return err
	}))
}

func TestUnracedPackagesNeedNoRaceAndShortenNothing(t *testing.T) {
	t.Parallel()
	root, err := findRoot()
	require.NoError(t, err)
	concurrent := regexp.MustCompile(`(?m)^\t+(go (func|\w+[.(])|"(sync|sync/atomic|golang.org/x/sync/errgroup)"$)`)
	for _, pkg := range unracedPackages {
		files, err := filepath.Glob(filepath.Join(root, pkg, "*.go"))
		require.NoError(t, err)
		require.NotEmpty(t, files, pkg)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			require.True(t, strings.HasSuffix(file, "_test.go") || !concurrent.Match(text), file)
			require.False(t, bytes.Contains(text, []byte("testing.Short")), file)
			for _, match := range testFunction.FindAllStringSubmatch(string(text), -1) {
				require.NotRegexp(t, omitted, match[1], file)
			}
		}
	}
}

func TestOnlyTheSameSourcesOfTheLastHourHavePassed(t *testing.T) {
	t.Parallel()
	root, now := t.TempDir(), time.Now()
	file := filepath.Join(root, "dev", "a_test.go")
	change := func(text string) {
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o750))
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	}
	requirePassed := func(want bool, now time.Time) {
		t.Helper()
		got, err := hasPassed(root, now, io.Discard)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	change("package a")
	requirePassed(false, now)
	hash, err := sources(root)
	require.NoError(t, err)
	require.NoError(t, passed{Sources: hash, At: now}.write(root))
	requirePassed(true, now.Add(59*time.Minute))
	requirePassed(false, now.Add(time.Hour))
	requirePassed(false, now.Add(-time.Minute))
	change("package b")
	requirePassed(false, now)
	change("package a")
	require.NoError(t, os.Rename(file, file+".old"))
	requirePassed(false, now)

	require.NoError(t, os.WriteFile(filepath.Join(root, passedFile), []byte("{"), 0o600))
	_, err = hasPassed(root, now, io.Discard)
	require.ErrorContains(t, err, "bin/make-test-passed.json")
}
