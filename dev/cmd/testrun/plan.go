package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// step is one call of go test.
type step struct {
	title  string
	module string // folder below the root
	args   []string
	live   bool // show the output of the tests immediately

	packages func() ([]string, error) // further arguments, which are known when the step begins; nil for none
}

// longTests matches tests that inject many faults one after another or that measure a deployment, which
// takes minutes. They run with -all only.
const longTests = `AcrossKills$|InAFaultAndStops$|RatiosOfADeployment$`

// packagesAtOnce is the number of packages that are tested at the same time without -race: their tests
// wait more than they compute.
const packagesAtOnce = "-p=3"

// furtherPackagesAtOnce is one more, for the further tests: those with containers only wait, for minutes.
const furtherPackagesAtOnce = "-p=4"

// devArgs are for the packages of the development module. Vet would analyze the servers, too, which
// takes minutes; golangci-lint vets the packages themselves. Results are not cached, since go test does
// not notice changes outside the module, of the manifests or of the program that the tests build.
var devArgs = []string{"-vet=off", "-count=1"}

// withoutDebugInformation lets programs link in half the time; stack traces are the same.
const withoutDebugInformation = "-ldflags=-w"

// longestPackages are tested first, in this order, so that the others run beside them and none runs
// alone at the end.
var longestPackages = []string{
	"/internal/store", "/internal/simulator", "/internal/testing/pgserver", "/internal/gateway", "/docs",
	"/dev/deploytest", "/dev/e2e", faultPackage, "/dev/conformance", "/dev/examples", "/dev/cmd/lazisync-dev", "/dev/streamtest",
}

// racedPackages call the product in the process of the test, and run with -race with -all. The others
// start it as a program, or compare every entity, which is slow with -race and has no concurrency that
// the tests of the root module lack.
var racedPackages = []string{"/dev/streamtest", "/dev/gatewaytest"}

// sequences are tests with thousands of random sequences of actions, one after another: with -race they take
// ten times as long and find the same.
const sequences = "^Test(Workflow)?Sequences$"

// unracedPackages of the root module have no goroutines, and nothing for several of them. Their tests are
// not shortened, so that their results of "make test" count for "make test-all".
var unracedPackages = []string{
	"/docs", "/internal/connect", "/internal/display", "/internal/entity", "/internal/jsonscan", "/internal/notify/message",
	"/internal/store/views", "/internal/testing/durable", "/internal/testing/layers",
}

// faultPackage has the tests that kill processes. It runs with -all only.
const faultPackage = "/dev/fault"

// testTimeout applies to each package. The end-to-end tests take longest.
const testTimeout = "15m"

func (r *runner) plan(ctx context.Context, o options) ([]step, error) {
	base := []string{"-timeout=" + testTimeout, withoutDebugInformation}
	if o.count > 0 {
		base = append(base, fmt.Sprintf("-count=%d", o.count))
	}
	switch o.part {
	case "":
	case "faults":
		return r.faultSteps(o.count), nil
	case "chaos":
		return r.chaosSteps(o), nil
	case "fuzz":
		return r.fuzzSteps(ctx, o.inputs)
	default:
		return nil, fmt.Errorf("-part: got %q, want faults, chaos or fuzz", o.part)
	}
	if o.all {
		return r.allSteps(ctx, base)
	}
	return r.shortSteps(ctx, base)
}

// shortSteps returns the steps of "make test".
func (r *runner) shortSteps(ctx context.Context, base []string) ([]step, error) {
	root, err := r.packages(ctx, ".")
	if err != nil {
		return nil, err
	}
	return []step{
		{title: "Root module:", module: ".", args: slices.Concat(base, shortArgs, longestFirst(root))},
		r.shortDevStep(ctx, base),
	}, nil
}

// shortArgs select the tests of "make test".
var shortArgs = []string{"-short", "-skip=" + longTests, packagesAtOnce}

// shortDevStep returns the step of "make test" in the development module. The packages are listed
// while the steps before it run: that downloads their modules, which takes a minute without a cache.
func (r *runner) shortDevStep(ctx context.Context, base []string) step {
	var packages []string
	var err error
	listed := make(chan struct{})
	go func() {
		defer close(listed)
		packages, err = r.packages(ctx, "dev")
	}()
	return step{
		title: "Development module:", module: "dev", args: slices.Concat(devArgs, base, shortArgs),
		packages: func() ([]string, error) {
			<-listed
			_, dev := split(packages, []string{faultPackage})
			return longestFirst(dev), err
		},
	}
}

// packages returns the packages of a module in a folder. With -test, go list downloads the modules that
// only tests need, too; it also lists what it makes of packages for tests.
func (r *runner) packages(ctx context.Context, module string) (all []string, err error) {
	out, err := r.list(ctx, module, "-test", "./...")
	for line := range strings.Lines(out) {
		if pkg := strings.TrimSpace(line); !strings.HasSuffix(pkg, ".test") && !strings.HasSuffix(pkg, "]") {
			all = append(all, pkg)
		}
	}
	return all, err
}

// split returns the packages that have one of the suffixes, and the others.
func split(packages, suffixes []string) (with, without []string) {
	for _, pkg := range packages {
		if slices.ContainsFunc(suffixes, func(suffix string) bool { return strings.HasSuffix(pkg, suffix) }) {
			with = append(with, pkg)
		} else {
			without = append(without, pkg)
		}
	}
	return with, without
}

func longestFirst(packages []string) []string {
	place := func(pkg string) int {
		place := slices.IndexFunc(longestPackages, func(long string) bool { return strings.HasSuffix(pkg, long) })
		if place < 0 {
			return len(longestPackages)
		}
		return place
	}
	sorted := slices.Clone(packages)
	slices.SortStableFunc(sorted, func(a, b string) int { return place(a) - place(b) })
	return sorted
}

// allSteps returns the steps of "make test-all": all tests, each once, except that the root module
// runs only with -race, which "make test" does not.
func (r *runner) allSteps(ctx context.Context, base []string) ([]step, error) {
	tags, err := r.requiredTags()
	if err != nil {
		return nil, err
	}
	root, err := r.packages(ctx, ".")
	if err != nil {
		return nil, err
	}
	dev, err := r.devSteps(ctx, base, tags)
	if err != nil {
		return nil, err
	}
	unraced, code := split(root, unracedPackages)
	return append([]step{
		{title: "Root module, with -race:", module: ".", args: slices.Concat(base, []string{"-race", "-vet=off", "-skip=" + sequences}, longestFirst(code))}, // make test vets it
		{title: "Root module, sequences:", module: ".", args: slices.Concat(base, []string{"-vet=off", "-run=" + sequences, "./bridge", "./workflows"})},
		{title: "Root module, without goroutines:", module: ".", args: slices.Concat(base, shortArgs, unraced)},
	}, dev...), nil
}

// devSteps returns the steps of "make test-all" in the development module.
func (r *runner) devSteps(ctx context.Context, base, tags []string) ([]step, error) {
	packages, err := r.packages(ctx, "dev")
	if err != nil {
		return nil, err
	}
	raced, _ := split(packages, racedPackages)
	steps := []step{{title: "Development module, with -race:", module: "dev", args: slices.Concat(devArgs, base, []string{"-race"}, raced)}}
	done, err := hasPassed(r.root, time.Now(), r.out)
	if err != nil {
		return nil, err
	}
	if !done {
		steps = append(steps, r.shortDevStep(ctx, base))
	}
	more, err := r.furtherTests()
	if err != nil {
		return nil, err
	}
	return append(steps, more.step(append(slices.Clone(base), "-tags="+strings.Join(tags, ",")), packages)), nil
}

// faultTimeout applies to all fault tests together.
const faultTimeout = "45m"

// faultRequirements are the tags of fault tests with further requirements.
var faultRequirements = []string{"git", "pgbouncer", "privileged"}

// faultTags returns the build tags of the fault tests. It prints the tests that it omits
// because a requirement is not met.
func (r *runner) faultTags() string {
	tags := []string{"fault"}
	for _, need := range requirements {
		switch {
		case !slices.Contains(faultRequirements, need.tag):
		case need.isMet():
			tags = append(tags, need.tag)
		default:
			fmt.Fprintf(r.out, "Omitting the %s tests: they need %s (%s).\n", need.tag, need.what, need.install)
		}
	}
	return strings.Join(tags, ",")
}

// faultSteps returns the steps of all fault tests, including long ones.
func (r *runner) faultSteps(count int) []step {
	args := []string{"-timeout=" + faultTimeout, fmt.Sprintf("-count=%d", max(count, 1)), "-run=" + faults.String()}
	return []step{
		{title: "Fault tests of the root module:", module: ".", args: append(slices.Clone(args), "./...")},
		{title: "Fault tests of processes and servers:", module: "dev", args: append(args, "-tags="+r.faultTags(), "./...")},
	}
}

// chaosSteps returns the step of the chaos test, which shows its faults as they happen.
func (r *runner) chaosSteps(o options) []step {
	return []step{{
		title: fmt.Sprintf("Chaos with seed %d for %g minutes:", o.seed, o.minutes), module: "dev", live: true,
		args: []string{
			"-timeout=" + (time.Duration(o.minutes*float64(time.Minute)) + 15*time.Minute).String(), "-count=1", "-v", "-tags=fault",
			"-run=^TestFault42", "./fault", "-args", fmt.Sprintf("-seed=%d", o.seed), fmt.Sprintf("-minutes=%g", o.minutes),
		},
	}}
}

func (r *runner) list(ctx context.Context, module string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", append([]string{"list"}, args...)...)
	cmd.Dir, cmd.Env = filepath.Join(r.root, module), r.environ
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go list: %w: %s", err, stderr.String())
	}
	return string(out), nil
}
