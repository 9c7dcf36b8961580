package pgserver

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// MinMajor is the oldest major version of PostgreSQL that lazisync supports.
const MinMajor = 15

// ErrNotFound means that no supported PostgreSQL is installed on this machine.
var ErrNotFound = errors.New("no PostgreSQL found")

// Binaries is an installation of PostgreSQL's server programs.
type Binaries struct {
	Dir   string // contains postgres and initdb
	Major int    // 17 for 17.4
}

// FindBinaries looks for PostgreSQL 15 or newer: in PG_BIN only, if it is set; otherwise in the
// PATH and in the folders of the usual packages, newest version first. If there is none, the error
// is ErrNotFound and names what to install.
func FindBinaries() (Binaries, error) {
	return machine().find(0)
}

// finder has the functions of the machine that the search needs, so that tests can replace them.
type finder struct {
	setBin   string // the configured folder; if set, the only one that is searched
	setBy    string // the variable that sets it, for errors
	lookPath func(file string) (string, error)
	glob     func(pattern string) ([]string, error)
	version  func(dir string) (major int, err error)
}

func machine() finder {
	return finder{
		setBin:   os.Getenv("PG_BIN"),
		setBy:    "PG_BIN",
		lookPath: exec.LookPath,
		glob:     filepath.Glob,
		version:  majorOf,
	}
}

// installFolders are the folders of packages with the server programs: Debian and Ubuntu, the
// PostgreSQL project's RPMs, Homebrew on Apple silicon, on Intel and on Linux, Postgres.app.
var installFolders = []string{
	"/usr/lib/postgresql/*/bin",
	"/usr/pgsql-*/bin",
	"/opt/homebrew/opt/postgresql*/bin",
	"/usr/local/opt/postgresql*/bin",
	"/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
	"/Applications/Postgres.app/Contents/Versions/*/bin",
}

// find returns the newest installation. Only the major version that created a cluster can open it:
// with major > 0 only that version is accepted.
func (f finder) find(major int) (Binaries, error) {
	if f.setBin != "" {
		return f.findSet(major)
	}
	var seen []string
	for _, dir := range f.candidates() {
		got, err := f.version(dir)
		if err != nil {
			continue
		}
		seen = append(seen, fmt.Sprintf("%d in %s", got, dir))
		if got == major || major == 0 && got >= MinMajor {
			return Binaries{Dir: dir, Major: got}, nil
		}
	}
	want := fmt.Sprintf("%d or newer", MinMajor)
	if major > 0 {
		want = fmt.Sprintf("%d, which made the existing data", major)
	}
	found := "none"
	if len(seen) > 0 {
		found = strings.Join(seen, ", ")
	}
	return Binaries{}, fmt.Errorf("%w: want version %s, found %s; install it (Debian and Ubuntu: apt install postgresql; "+
		"Fedora: dnf install postgresql-server; macOS: brew install postgresql@17) or set PG_BIN to the folder that holds postgres and initdb",
		ErrNotFound, want, found)
}

func (f finder) findSet(major int) (Binaries, error) {
	got, err := f.version(f.setBin)
	if err != nil {
		return Binaries{}, fmt.Errorf("%s is %q, want a folder that holds postgres and initdb: %w", f.setBy, f.setBin, err)
	}
	if got < MinMajor {
		return Binaries{}, fmt.Errorf("%s is %q with PostgreSQL %d, want %d or newer", f.setBy, f.setBin, got, MinMajor)
	}
	if major > 0 && got != major {
		return Binaries{}, fmt.Errorf("%s is %q with PostgreSQL %d, want %d, which made the existing data", f.setBy, f.setBin, got, major)
	}
	return Binaries{Dir: f.setBin, Major: got}, nil
}

// candidates lists the folders to examine: those of the PATH, then the installed ones from the
// newest version to the oldest.
func (f finder) candidates() []string {
	var dirs []string
	if path, err := f.lookPath("postgres"); err == nil {
		// A link such as /usr/local/bin/postgres points to the folder with initdb and the libraries.
		if real, err := filepath.EvalSymlinks(path); err == nil {
			path = real
		}
		dirs = append(dirs, filepath.Dir(path))
	}
	var installed []string
	for _, pattern := range installFolders {
		found, err := f.glob(pattern)
		if err != nil {
			continue
		}
		installed = append(installed, found...)
	}
	slices.SortStableFunc(installed, func(a, b string) int {
		return cmp.Compare(numberIn(b), numberIn(a))
	})
	return append(dirs, installed...)
}

var digits = regexp.MustCompile(`\d+`)

// numberIn returns the last number in a path, which is the version in every installation folder.
func numberIn(path string) int {
	all := digits.FindAllString(path, -1)
	if len(all) == 0 {
		return 0
	}
	n, _ := strconv.Atoi(all[len(all)-1])
	return n
}

var versionText = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// majorOf runs the programs in dir to get their version; both must exist.
func majorOf(dir string) (int, error) {
	if _, err := exec.LookPath(filepath.Join(dir, "initdb")); err != nil {
		return 0, err
	}
	out, err := exec.Command(filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return 0, fmt.Errorf("ask %s for its version: %w", filepath.Join(dir, "postgres"), err)
	}
	found := versionText.FindSubmatch(out)
	if found == nil {
		return 0, fmt.Errorf("%s --version said %q, want a PostgreSQL version", filepath.Join(dir, "postgres"), out)
	}
	return strconv.Atoi(string(found[1]))
}
