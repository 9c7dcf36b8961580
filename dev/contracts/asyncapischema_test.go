//go:build npm

package contracts

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/schemas"
)

// specs is where the AsyncAPI project publishes the schema of its documents: it is on
// npm alone.
const specs = "@asyncapi/specs@6.11.1"

func TestAsyncAPIDocumentMatchesTheAsyncAPISchema(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	command(t, dir, "npm", "pack", "--silent", specs)
	packed, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	require.NoError(t, err)
	require.Len(t, packed, 1)
	command(t, dir, "tar", "-xzf", packed[0])

	text, err := os.ReadFile(filepath.Join(dir, "package", "schemas", "3.0.0-without-$id.json"))
	require.NoError(t, err)
	rules, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft7)
	require.NoError(t, compiler.AddResource("asyncapi.json", rules))
	schema, err := compiler.Compile("asyncapi.json")
	require.NoError(t, err)
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(schemas.AsyncAPI))
	require.NoError(t, err)
	require.NoError(t, schema.Validate(document))

	document.(map[string]any)["operations"].(map[string]any)["wrong"] = map[string]any{"action": "shout"}
	require.Error(t, schema.Validate(document), "the schema does judge")
}

func command(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}
