package layers

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	module   = "github.com/lazi/lazisync/"
	anything = "*"
)

// mayImport lists, for every package, the packages of this module that it may import.
var mayImport = map[string][]string{
	"cmd/lazisync":               {"events", "internal/app", "internal/cli", "internal/commands", "internal/config", "internal/telemetry"},
	"cmd/servicetitan-simulator": {"internal/simulator"},
	"internal/app":               {anything},
	"internal/cli":               {"events", "workflows", "internal/backoff", "internal/config", "internal/display", "internal/entity", "internal/ledger", "internal/stream"},
	"internal/commands":          {"internal/cli", "internal/config", "internal/connect", "internal/doctor", "internal/store", "internal/stream", "internal/temporal"},
	"internal/config":            {"events", "internal/display", "internal/entity"},
	"internal/connect":           {"events", "internal/backoff", "internal/config", "internal/servicetitan", "internal/store", "internal/stream", "internal/telemetry", "internal/temporal", "workflows"},
	"internal/doctor":            {"internal/config", "internal/entity", "internal/ledger", "internal/notify/slack", "internal/probe", "internal/servicetitan", "internal/store", "internal/stream", "internal/temporal", "workflows"},
	"internal/metrics":           {"bridge", "events", "internal/backoff", "internal/gateway", "internal/ledger", "internal/notify", "internal/servicetitan"},
	"internal/telemetry":         {"internal/config", "internal/outage"},

	"schemas":            {},
	"events":             {"schemas", "internal/display"},
	"internal/entity":    {},
	"internal/failpoint": {},
	"internal/backoff":   {},
	"internal/display":   {},
	"internal/jsonscan":  {},
	"internal/ledger":    {"events", "internal/display", "internal/entity"},
	"internal/outage":    {},
	"internal/probe":     {},
	"internal/ratelimit": {"events"},

	"activities": {"events", "internal/entity", "internal/failpoint", "internal/ledger"},
	"workflows":  {"activities", "events", "internal/display", "internal/ledger"},
	"bridge":     {"events", "workflows", "internal/failpoint", "internal/ledger"},

	// Removed with ADR 30.
	"internal/legacy":          {"activities", "events", "internal/entity", "internal/ledger", "workflows"},
	"internal/legacy/adoption": {"events", "internal/entity", "internal/store/ddl"},

	// Adapters: each covers one technology and imports no other adapter.
	"internal/gateway":         {"events", "schemas", "internal/backoff", "internal/display", "internal/entity", "internal/failpoint", "internal/ledger", "internal/probe"},
	"internal/notify":          {"events", "internal/backoff", "internal/failpoint"},
	"internal/notify/message":  {"events", "internal/display", "internal/notify"},
	"internal/notify/shoutrrr": {"events", "internal/notify", "internal/notify/message"},
	"internal/notify/slack":    {"events", "internal/notify", "internal/notify/message"},
	"internal/notify/webhook":  {"events", "internal/notify", "internal/notify/message"},
	"internal/servicetitan":    {"events", "internal/display", "internal/entity", "internal/failpoint", "internal/jsonscan", "internal/outage", "internal/ratelimit"},
	"internal/simulator":       {},
	"internal/store":           {"events", "internal/backoff", "internal/entity", "internal/failpoint", "internal/jsonscan", "internal/ledger", "internal/legacy/adoption", "internal/outage", "internal/ratelimit", "internal/store/ddl", "internal/store/views"},
	"internal/store/ddl":       {"internal/display", "internal/entity"},
	"internal/store/views":     {"internal/entity", "internal/store/ddl"},
	"internal/stream":          {"events", "internal/backoff", "internal/display", "internal/failpoint", "internal/outage"},
	"internal/temporal":        {"events", "internal/backoff", "internal/failpoint", "internal/ledger", "internal/outage", "workflows"},

	"docs":                    {"events", "schemas", "internal/app", "internal/config", "internal/entity", "internal/metrics", "internal/store/views"},
	"internal/testing/layers": {},

	// Only for development and tests.
	"internal/testing/badinput":         {},
	"internal/testing/contract":         {"activities", "bridge", "events", "internal/entity", "internal/ledger", "internal/testing/memory", "workflows"},
	"internal/testing/memory":           {"events", "internal/entity", "internal/ledger", "workflows"},
	"internal/testing/durable":          {},
	"internal/testing/pgserver":         {"internal/testing/durable"},
	"internal/testing/testserver":       {},
	"internal/notify/notifytest":        {"events", "internal/notify", "internal/testing/testserver"},
	"events/eventstest":                 {"events", "schemas"},
	"activities/activitytest":           {"activities", "events", "internal/entity", "internal/ledger", "internal/testing/memory"},
	"internal/testing/pgserver/pgtest":  {"internal/testing/pgserver"},
	"internal/testing/pgserver/bouncer": {"internal/testing/pgserver"},
}

// outside are packages for development and tests, which the product does not import.
var outside = []string{"activities/activitytest", "events/eventstest", "internal/notify/notifytest", "internal/testing/badinput", "internal/testing/contract", "internal/testing/durable", "internal/testing/memory", "internal/testing/pgserver", "internal/testing/pgserver/bouncer", "internal/testing/pgserver/pgtest", "internal/testing/testserver"}

// drivers are modules that only one package, including its tests, may import.
var drivers = map[string][]string{
	"github.com/jackc/":   {"internal/store", "internal/store/ddl", "internal/legacy/adoption", "internal/testing/pgserver", "internal/testing/pgserver/pgtest"},
	"github.com/nats-io/": {"internal/stream"},
}

// temporalClient lists the packages of Temporal's client. In production code only
// internal/temporal imports them. The SDK's workflow, activity and worker packages are for
// workflows, activities and the wiring of the worker.
var temporalClient = []string{"go.temporal.io/sdk/client", "go.temporal.io/api/workflowservice/", "go.temporal.io/api/serviceerror"}

// embedded are servers that only the module dev may require.
var embedded = []string{
	"github.com/nats-io/nats-server/", "go.temporal.io/server", "github.com/temporalio/ui-server/", "github.com/fergusstrange/embedded-postgres",
}

type pkg struct {
	ImportPath   string
	Doc          string
	Imports      []string
	Deps         []string
	TestImports  []string
	XTestImports []string
}

// reaches reports whether a path is a driver: one package or, with a slash at its end, all packages
// below it.
func reaches(path, driver string) bool {
	return path == driver || strings.HasSuffix(driver, "/") && strings.HasPrefix(path+"/", driver)
}

func (p pkg) name() string { return strings.TrimPrefix(p.ImportPath, module) }

func (p pkg) withTests() []string { return slices.Concat(p.Imports, p.TestImports, p.XTestImports) }

// ours returns the imports from this module, without its path.
func ours(imports []string) (names []string) {
	for _, path := range imports {
		if name, ok := strings.CutPrefix(path, module); ok {
			names = append(names, name)
		}
	}
	return names
}

var packages = sync.OnceValues(func() ([]pkg, error) {
	out, err := goCommand("list", "-json=ImportPath,Doc,Imports,Deps,TestImports,XTestImports", "./...")
	if err != nil {
		return nil, err
	}
	var all []pkg
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
})

// goCommand runs the go command at the root of the module.
func goCommand(args ...string) ([]byte, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir = filepath.Join("..", "..", "..")
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil, errors.New("go " + strings.Join(args, " ") + ": " + string(exit.Stderr))
	}
	return out, err
}

func eachPackage(t *testing.T, check func(t *testing.T, p pkg)) {
	t.Helper()
	t.Parallel()
	all, err := packages()
	require.NoError(t, err)
	require.NotEmpty(t, all)
	for _, p := range all {
		t.Run(p.name(), func(t *testing.T) { check(t, p) })
	}
}

func TestPackagesImportOnlyAllowedPackages(t *testing.T) {
	eachPackage(t, func(t *testing.T, p pkg) {
		allowed, known := mayImport[p.name()]
		require.True(t, known, "give it a line in mayImport")
		if slices.Contains(allowed, anything) {
			return
		}
		for _, name := range ours(p.Imports) {
			require.Contains(t, allowed, name)
		}
	})
}

func TestTableNamesExistingPackages(t *testing.T) {
	t.Parallel()
	all, err := packages()
	require.NoError(t, err)
	var names []string
	for _, p := range all {
		names = append(names, p.name())
	}
	for name := range mayImport {
		require.Contains(t, names, name)
	}
}

func TestProductImportsNoTestPackages(t *testing.T) {
	eachPackage(t, func(t *testing.T, p pkg) {
		if slices.Contains(outside, p.name()) {
			return
		}
		for _, name := range ours(p.Deps) {
			require.NotContains(t, outside, name)
		}
		require.NotContains(t, p.Imports, "testing")
	})
}

func TestLazisyncDoesNotContainTheSimulator(t *testing.T) {
	eachPackage(t, func(t *testing.T, p pkg) {
		if p.name() == "cmd/lazisync" {
			require.NotContains(t, ours(p.Deps), "internal/simulator")
		}
	})
}

func TestDriversAreImportedOnlyByTheirAdapters(t *testing.T) {
	eachPackage(t, func(t *testing.T, p pkg) {
		for driver, owners := range drivers {
			if slices.Contains(owners, p.name()) {
				continue
			}
			for _, path := range p.withTests() {
				require.False(t, reaches(path, driver), "%s is for %v", path, owners)
			}
		}
	})
}

func TestOnlyOnePackageUsesTemporalsClient(t *testing.T) {
	eachPackage(t, func(t *testing.T, p pkg) {
		if p.name() == "internal/temporal" {
			return
		}
		for _, path := range p.Imports {
			for _, forbidden := range temporalClient {
				require.False(t, reaches(path, forbidden), "%s is for internal/temporal", path)
			}
		}
	})
}

// Workflows and activities depend on no driver, neither directly nor indirectly.
func TestWorkflowsAndActivitiesDependOnNoDriver(t *testing.T) {
	eachPackage(t, func(t *testing.T, p pkg) {
		if p.name() != "workflows" && p.name() != "activities" && p.name() != "internal/legacy" {
			return
		}
		for _, path := range p.Deps {
			for driver := range drivers {
				require.False(t, reaches(path, driver), path)
			}
		}
		for _, name := range ours(p.Deps) {
			require.NotContains(t, []string{"internal/store", "internal/stream", "internal/servicetitan", "internal/notify"}, name)
		}
	})
}

func TestEveryPackageHasADocComment(t *testing.T) {
	eachPackage(t, func(t *testing.T, p pkg) {
		require.NotEmpty(t, p.Doc, "a doc comment: what it does, who calls it, what it must not import")
	})
}

func TestTheModuleRequiresNoEmbeddedServer(t *testing.T) {
	t.Parallel()
	out, err := goCommand("mod", "edit", "-json")
	require.NoError(t, err)
	var mod struct{ Require []struct{ Path string } }
	require.NoError(t, json.Unmarshal(out, &mod))
	require.NotEmpty(t, mod.Require)
	for _, r := range mod.Require {
		for _, server := range embedded {
			require.False(t, strings.HasPrefix(r.Path, strings.TrimSuffix(server, "/")), r.Path)
		}
	}
	all, err := packages()
	require.NoError(t, err)
	for _, p := range all {
		for _, path := range slices.Concat(p.Deps, p.withTests()) {
			for _, server := range embedded {
				require.False(t, strings.HasPrefix(path, server), "%s reaches %s", p.name(), path)
			}
		}
	}
}
