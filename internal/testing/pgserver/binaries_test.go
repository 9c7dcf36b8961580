package pgserver

import (
	"errors"
	"io/fs"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFindBinaries(t *testing.T) {
	t.Parallel()
	const debian, homebrew = "/usr/lib/postgresql/*/bin", "/opt/homebrew/opt/postgresql*/bin"
	for _, c := range []struct {
		name      string
		pgBin     string
		inPath    string
		installed map[string][]string // pattern → folders
		versions  map[string]int
		major     int
		want      string
		wantErr   []string
	}{
		{
			name:      "the newest installed one",
			installed: map[string][]string{debian: {"/usr/lib/postgresql/9/bin", "/usr/lib/postgresql/15/bin", "/usr/lib/postgresql/17/bin"}},
			versions:  map[string]int{"/usr/lib/postgresql/9/bin": 9, "/usr/lib/postgresql/15/bin": 15, "/usr/lib/postgresql/17/bin": 17},
			want:      "/usr/lib/postgresql/17/bin",
		},
		{
			name:      "the PATH before installed ones",
			inPath:    "/opt/pg/bin/postgres",
			installed: map[string][]string{debian: {"/usr/lib/postgresql/17/bin"}},
			versions:  map[string]int{"/opt/pg/bin": 15, "/usr/lib/postgresql/17/bin": 17},
			want:      "/opt/pg/bin",
		},
		{
			name:      "too old in the PATH is passed over",
			inPath:    "/opt/pg/bin/postgres",
			installed: map[string][]string{homebrew: {"/opt/homebrew/opt/postgresql@16/bin"}},
			versions:  map[string]int{"/opt/pg/bin": 14, "/opt/homebrew/opt/postgresql@16/bin": 16},
			want:      "/opt/homebrew/opt/postgresql@16/bin",
		},
		{
			name:     "PG_BIN before all",
			pgBin:    "/mine",
			inPath:   "/opt/pg/bin/postgres",
			versions: map[string]int{"/mine": 16, "/opt/pg/bin": 17},
			want:     "/mine",
		},
		{
			name:     "a wrong PG_BIN is an error, not a hint",
			pgBin:    "/mine",
			inPath:   "/opt/pg/bin/postgres",
			versions: map[string]int{"/opt/pg/bin": 17},
			wantErr:  []string{`PG_BIN is "/mine"`, "initdb"},
		},
		{
			name:     "PG_BIN too old",
			pgBin:    "/mine",
			versions: map[string]int{"/mine": 13},
			wantErr:  []string{"PostgreSQL 13", "want 15 or newer"},
		},
		{
			name:      "existing data decides the version",
			installed: map[string][]string{debian: {"/usr/lib/postgresql/15/bin", "/usr/lib/postgresql/17/bin"}},
			versions:  map[string]int{"/usr/lib/postgresql/15/bin": 15, "/usr/lib/postgresql/17/bin": 17},
			major:     15,
			want:      "/usr/lib/postgresql/15/bin",
		},
		{
			name:      "existing data of a version that is gone",
			installed: map[string][]string{debian: {"/usr/lib/postgresql/17/bin"}},
			versions:  map[string]int{"/usr/lib/postgresql/17/bin": 17},
			major:     16,
			wantErr:   []string{"want version 16, which made the existing data", "17 in /usr/lib/postgresql/17/bin"},
		},
		{
			name:    "nothing anywhere",
			wantErr: []string{"want version 15 or newer, found none", "apt install postgresql", "brew install", "PG_BIN"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := finder{
				setBin: c.pgBin,
				setBy:  "PG_BIN",
				lookPath: func(string) (string, error) {
					if c.inPath == "" {
						return "", exec.ErrNotFound
					}
					return c.inPath, nil
				},
				glob: func(pattern string) ([]string, error) { return c.installed[pattern], nil },
				version: func(dir string) (int, error) {
					if v, ok := c.versions[dir]; ok {
						return v, nil
					}
					return 0, fs.ErrNotExist
				},
			}
			got, err := f.find(c.major)
			if c.wantErr != nil {
				require.Error(t, err)
				require.Equal(t, c.pgBin == "", errors.Is(err, ErrNotFound), "only an empty machine is ErrNotFound")
				for _, text := range c.wantErr {
					require.ErrorContains(t, err, text)
				}
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, got.Dir)
		})
	}
}
