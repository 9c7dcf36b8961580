package main

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Otherwise a change of the code that a mistake replaces would be noticed only at the next run.
func TestMistakesApply(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs(filepath.Join("..", "..", ".."))
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(mutants), 25)
	names := map[string]bool{}
	for _, m := range mutants {
		_, err := m.apply(root)
		require.NoError(t, err, m.name)
		require.False(t, names[m.name], "%s: two mistakes have this name", m.name)
		names[m.name] = true
	}
}

func TestSeedNamesTheTestThatFails(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs(filepath.Join("..", "..", ".."))
	require.NoError(t, err)
	all := []technique{{name: "all", args: []string{"./internal/display"}}, {name: "another", args: []string{"-run=^TestCount$", "./internal/display"}}}
	const file, line = "internal/display/display.go", `strings.ToValidUTF8(s[:limit], "") + "…"`

	found, err := mutant{"lose the ellipsis", file, line, `strings.ToValidUTF8(s[:limit], "")`}.seed(t.Context(), root, all)
	require.NoError(t, err)
	require.Regexp(t, `^TestTruncate \(\d+s\)$`, found["all"])
	require.NotContains(t, found, "another", "it does not find the mistake")

	_, err = mutant{"forget the quotes", file, line, "strings.ToValidUTF8(s[:limit], ) + …"}.seed(t.Context(), root, all)
	require.ErrorContains(t, err, "the mistake does not compile")
	_, err = mutant{"change what is not there", file, "no such code", ""}.seed(t.Context(), root, all)
	require.ErrorContains(t, err, "internal/display/display.go has the code to change 0 times, want once")
}

func TestSelectionsWithoutAResultAreErrors(t *testing.T) {
	t.Parallel()
	_, err := run(t.Context(), []string{"nobody"}, []string{"sequences"})
	require.EqualError(t, err, `-only: no mistake has one of ["nobody"] in its name`)
	_, err = run(t.Context(), nil, []string{"luck"})
	require.ErrorContains(t, err, `-techniques: got "luck", want one of unit tests, `)
	require.Len(t, selected([]string{"pause", "controls that arrive"}), 2)
	require.Len(t, selected(nil), len(mutants))
}
