package cli

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestExitCodesHaveOneTable(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "exit_codes.go", nil, 0)
	require.NoError(t, err)
	constants, listed := 0, map[int]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(spec.Names[0].Name, "Exit") && spec.Names[0].Name != "ExitCodes" {
			constants++
		}
		return true
	})
	var table strings.Builder
	for _, c := range ExitCodes {
		require.False(t, listed[c.Code], "%d is listed once", c.Code)
		listed[c.Code] = true
		fmt.Fprintf(&table, "| %d | %s |\n", c.Code, c.Meaning)
		require.Contains(t, ExitCodesHelp(), fmt.Sprintf("%d  %s\n", c.Code, c.Meaning))
	}
	require.Len(t, ExitCodes, constants, "every constant is in the table")
	documented, err := os.ReadFile("../../docs/commands.md")
	require.NoError(t, err)
	require.Contains(t, string(documented), "| exit code | meaning |\n|---|---|\n"+table.String()+"\n")
}
