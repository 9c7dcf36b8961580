package events

import (
	"encoding/json"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/schemas"
)

func TestSchemasAndDefinitionsMatch(t *testing.T) {
	t.Parallel()
	files, err := fs.Glob(schemas.Files, "*.json")
	require.NoError(t, err)
	var defined []string
	for _, d := range All() {
		defined = append(defined, d.Schema)
	}
	require.ElementsMatch(t, files, defined)
}

func TestDefinitionsAreFoundBySubjectAndByType(t *testing.T) {
	t.Parallel()
	for _, d := range All() {
		bySubject, ok := BySubject(d.Subject)
		require.True(t, ok)
		require.Same(t, d, bySubject)
		byType, ok := ByType("com.lazi." + d.Subject + ".v1")
		require.True(t, ok)
		require.Same(t, d, byType)
		require.Equal(t, d == Requested.Definition || d == Control.Definition, d.Command)
	}
	_, ok := BySubject("sync.requestd")
	require.False(t, ok)
	_, ok = ByType("com.lazi.sync.requested.v2")
	require.False(t, ok)
}

func TestSchemasHaveIDAndTitle(t *testing.T) {
	t.Parallel()
	for _, d := range All() {
		s, err := d.compiled()
		require.NoError(t, err)
		require.Equal(t, d.DataSchema(), s.document["$id"], d.Schema)
		require.Equal(t, "https://json-schema.org/draft/2020-12/schema", s.document["$schema"], d.Schema)
	}
}

// Every object of every schema has exactly the fields of its Go struct; what the schema
// requires is never left out by Go. Commands are strict and their sets of values closed; what
// lazisync sends is open at every level, so that a later version may add to it.
func TestGoFieldsAreSchemaProperties(t *testing.T) {
	t.Parallel()
	for _, d := range All() {
		t.Run(d.Subject, func(t *testing.T) {
			t.Parallel()
			s, err := d.compiled()
			require.NoError(t, err)
			comparison{d, s}.object(t, d.Subject, d.Payload, s.document)
		})
	}
}

// comparison compares the payload of a definition with its schema.
type comparison struct {
	*Definition
	*schema
}

func (c comparison) object(t *testing.T, path string, goType reflect.Type, node map[string]any) {
	t.Helper()
	if c.Command {
		require.Equal(t, false, node["additionalProperties"], "%s must be strict", path)
	} else {
		require.NotContains(t, node, "additionalProperties", "%s must be open", path)
		require.NotContains(t, node, "unevaluatedProperties", "%s must be open", path)
	}
	require.Regexp(t, `^[A-Z][A-Za-z]+$`, node["title"], "%s: title, the name that generators give the type", path)
	properties := object(node, "properties")
	var names, required []string
	for _, field := range jsonFields(goType) {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		names = append(names, name)
		if options != "omitempty" || mustBeThereInARun(node, name) {
			required = append(required, name)
		}
		require.Contains(t, properties, name, "%s: no such property", path)
		c.value(t, path+"."+name, field.Type, object(properties, name))
	}
	require.ElementsMatch(t, keys(properties), names, "%s: fields", path)
	require.ElementsMatch(t, node["required"], required, "%s: required", path)
}

// runId and runNumber are optional in Go for the sake of the outcomes, whose
// requests may be withdrawn before a run begins. Elsewhere there is a run.
func mustBeThereInARun(node map[string]any, name string) bool {
	_, isOutcome := object(node, "properties")["finishedAt"]
	_, isRun := object(node, "properties")["requests"]
	return isRun && !isOutcome && (name == "runId" || name == "runNumber")
}

func (c comparison) value(t *testing.T, path string, goType reflect.Type, node map[string]any) {
	t.Helper()
	if reference, ok := node["$ref"].(string); ok {
		node = c.node(reference)
	}
	if goType.Kind() == reflect.Pointer {
		goType = goType.Elem()
	}
	want := map[reflect.Kind]string{
		reflect.String: "string", reflect.Bool: "boolean", reflect.Float64: "number", reflect.Slice: "array",
		reflect.Int: "integer", reflect.Int64: "integer", reflect.Uint64: "integer", reflect.Struct: "object",
	}[goType.Kind()]
	if goType == reflect.TypeFor[time.Time]() {
		want = "string"
		require.Equal(t, "date-time", node["format"], path)
	}
	require.NotEmpty(t, node["description"], "%s: no description", path)
	if goType == reflect.TypeFor[RecordID]() { // a number or a string
		require.Len(t, node["anyOf"], 2, path)
		return
	}
	require.Equal(t, want, node["type"], path)
	switch want {
	case "object":
		c.object(t, path, goType, node)
	case "array":
		items := object(node, "items")
		if reference, ok := items["$ref"].(string); ok {
			items = c.node(reference)
		}
		c.value(t, path+"[]", goType.Elem(), items)
	}
	values, known := knownValues()[goType]
	switch {
	case known && c.Command:
		require.ElementsMatch(t, node["enum"], values, "%s: closed set", path)
	case known:
		require.ElementsMatch(t, node["examples"], values, "%s: known values", path)
	}
	if !c.Command {
		require.NotContains(t, node, "enum", "%s must be open", path)
	}
}

func knownValues() map[reflect.Type][]any {
	return map[reflect.Type][]any{
		reflect.TypeFor[Mode]():       anyModes(),
		reflect.TypeFor[Action]():     {"pause", "resume", "cancel"},
		reflect.TypeFor[Kind]():       {"request", "control"},
		reflect.TypeFor[Status]():     texts(StatusCompleted, StatusFailed, StatusSkipped, StatusCancelled),
		reflect.TypeFor[Phase]():      texts(PhaseQueued, PhaseReading, PhaseSweeping, PhaseChecking, PhaseApplying, PhaseComparing, PhaseDone),
		reflect.TypeFor[WaitReason](): texts(WaitPaused, WaitRateLimit, WaitOutage, WaitBusy),
		reflect.TypeFor[ErrorType](): texts(ValidationError, AuthError, PermissionError, NotFound, APIError,
			StoreError, DeadlineExceeded, DeleteGuard, Terminated),
		reflect.TypeFor[RejectCode](): texts(RejectCodes...),
	}
}

func texts[T ~string](values ...T) []any {
	all := make([]any, len(values))
	for i, value := range values {
		all[i] = string(value)
	}
	return all
}

func jsonFields(goType reflect.Type) []reflect.StructField {
	return slices.DeleteFunc(reflect.VisibleFields(goType), func(f reflect.StructField) bool { return f.Anonymous })
}

func keys(node map[string]any) []string {
	var names []string
	for name := range node {
		names = append(names, name)
	}
	return names
}

func TestRequestIDMatchesTheTestVectors(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../schemas/testdata/request-id.json")
	require.NoError(t, err)
	var vectors []struct{ Source, ID, RequestID string }
	require.NoError(t, json.Unmarshal(raw, &vectors))
	require.GreaterOrEqual(t, len(vectors), 5)
	for _, v := range vectors {
		require.Equal(t, v.RequestID, RequestID(v.Source, v.ID), "source %q id %q", v.Source, v.ID)
	}
}

func anyModes() []any {
	names := make([]any, len(modes))
	for i, name := range ModeNames() {
		names[i] = name
	}
	return names
}
