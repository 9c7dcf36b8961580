package main

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
)

// part is a kind of test. A test belongs to the first part that matches its package and
// name.
type part struct {
	name string
	in   *regexp.Regexp // package path; nil matches all
	test *regexp.Regexp // name of the top-level test; nil matches all
}

var parts = []part{
	{"docs and examples", nil, regexp.MustCompile(`^Example|Docs?([A-Z]|$)|README`)},
	{"faults", nil, faults},
	{"end to end", regexp.MustCompile(`/dev/(e2e|stack|cmd)`), nil},
	{"bad input and fuzz", nil, regexp.MustCompile(`^Fuzz|Bad|Broken|Hostile|Invalid|Malformed|Reject|Refuse|Unknown|Wrong`)},
	{"conformance", regexp.MustCompile(`/internal/(servicetitan|simulator)|/schemas|/dev/(compare|conformance)`), nil},
	{"store and stream", regexp.MustCompile(`/internal/(store|stream|testing/pgserver)|/dev/(streamtest|gatewaytest|natsserver|postgres)`), nil},
	{"units", nil, nil},
}

// faults matches tests that kill, disconnect or starve a process or server.
var faults = regexp.MustCompile(`Crash|Death|Dies|Fault|Kill|Outage|Orphan|Starve|Survive|Torn`)

func partOf(pkg, test string) string {
	for _, p := range parts {
		if (p.in == nil || p.in.MatchString(pkg)) && (p.test == nil || p.test.MatchString(test)) {
			return p.name
		}
	}
	return ""
}

// requirement is a requirement, beyond Go and PostgreSQL, of tests with a build tag.
type requirement struct {
	tag      string
	what     string
	programs []string // at least one of these
	root     bool
	install  string
	also     []string // and all of these
}

var requirements = []requirement{
	{"browser", "a browser", []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"}, false,
		"Debian and Ubuntu: apt install chromium; macOS: brew install --cask chromium", nil},
	{"npm", "npm, for the schema of AsyncAPI documents and the examples in TypeScript", []string{"npm"}, false,
		"Debian and Ubuntu: apt install npm; macOS: brew install node", nil},
	{"git", "git, to follow docs/getting-started.md from a clone", []string{"git"}, false,
		"Debian and Ubuntu: apt install git; macOS: xcode-select --install", nil},
	{"pgbouncer", "PgBouncer", []string{"pgbouncer", "/usr/sbin/pgbouncer"}, false,
		"Debian and Ubuntu: apt install pgbouncer; macOS: brew install pgbouncer", nil},
	{"privileged", "root on Linux, to mount small disks", []string{"mount"}, true,
		"run it as root; Debian and Ubuntu: apt install mount e2fsprogs", []string{"mkfs.ext4"}},
	{"containers", "root on Linux, Podman and runc, to run docker-compose.yml and the pods of Kubernetes", []string{"podman"}, true,
		"run it as root; Debian and Ubuntu: apt install " + containerPackages, nil},
}

// containerPackages are those of Debian with which Podman runs containers that find each other by name.
const containerPackages = "podman runc containernetworking-plugins golang-github-containernetworking-plugin-dnsname " +
	"dnsmasq-base iptables catatonit busybox-static"

// isMet reports whether this machine meets the requirement.
func (q requirement) isMet() bool {
	if q.root && (os.Geteuid() != 0 || runtime.GOOS != "linux") {
		return false
	}
	return slices.ContainsFunc(q.programs, isInstalled) && !slices.ContainsFunc(q.also, func(p string) bool { return !isInstalled(p) && !isInstalled("/usr/sbin/"+p) })
}

func isInstalled(program string) bool {
	_, err := exec.LookPath(program)
	return err == nil
}

// requiredTags returns the build tags of the test files. The error lists all requirements that
// are not met.
func (r *runner) requiredTags() (tags []string, err error) {
	var missing []string
	for _, need := range requirements {
		used, err := r.hasTag(need.tag)
		if err != nil {
			return nil, err
		}
		if !used {
			continue
		}
		tags = append(tags, need.tag)
		if !need.isMet() {
			missing = append(missing, fmt.Sprintf("the %s tests need %s (%s)", need.tag, need.what, need.install))
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("missing:\n  %s", strings.Join(missing, "\n  "))
	}
	return tags, nil
}

// hasTag reports whether a test file requires a build tag.
func (r *runner) hasTag(tag string) (found bool, err error) {
	constraint := regexp.MustCompile(`(?m)^//go:build .*\b` + tag + `\b`)
	err = filepath.WalkDir(r.root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && strings.HasPrefix(entry.Name(), ".") && path != r.root:
			return fs.SkipDir
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		if err == nil && constraint.Match(text) {
			found = true
			return fs.SkipAll
		}
		return err
	})
	return found, err
}
