package temporal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/temporal"
)

func TestSDKLogKeys(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := sdkLogger{zerolog.New(&out)}.With("Namespace", "default", "TaskQueue", "sync-tasks", "WorkerID", "1@host")
	log.Error("Workflow panic", "WorkflowID", "full-sync-1", "RunID", "r", "Attempt", int32(3), "Error", errors.New("boom"), "StackTrace", "main.go", "EventID", 7)
	var line map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &line))
	require.Equal(t, map[string]any{
		"level": "error", "message": "Workflow panic", "namespace": "default", "task_queue": "sync-tasks", "worker_id": "1@host",
		"workflow_id": "full-sync-1", "run_id": "r", "attempt": 3.0, "error": "boom", "stack_trace": "main.go", "history_event_id": 7.0,
	}, line)
}

// Pause, cancel and shutdown end activities and polls by cancellation, which must not be
// logged as a warning.
func TestSDKLogLevels(t *testing.T) {
	t.Parallel()
	const heartbeat = "RecordActivityHeartbeat with error"
	for _, c := range []struct {
		msg  string
		err  error
		want zerolog.Level
	}{
		{heartbeat, temporal.NewCanceledError(), zerolog.DebugLevel},
		{heartbeat, serviceerror.NewNotFound("workflow execution already completed"), zerolog.DebugLevel},
		{heartbeat, serviceerror.NewCanceled("context canceled"), zerolog.DebugLevel},
		{heartbeat, fmt.Errorf("heartbeat: %w", context.Canceled), zerolog.DebugLevel},
		{heartbeat, serviceerror.NewUnavailable("connection refused"), zerolog.DebugLevel},
		{heartbeat, serviceerror.NewNamespaceNotFound("default"), zerolog.WarnLevel},
		{heartbeat, context.DeadlineExceeded, zerolog.DebugLevel},
		{heartbeat, serviceerror.NewDeadlineExceeded("context deadline exceeded"), zerolog.DebugLevel},
		{"Failed to poll for task.", context.Canceled, zerolog.DebugLevel},
		{"Failed to poll for task.", serviceerror.NewUnavailable("connection refused"), zerolog.DebugLevel},
		{"Failed to poll for task.", serviceerror.NewDeadlineExceeded("context deadline exceeded"), zerolog.DebugLevel},
		{"Something else", context.Canceled, zerolog.WarnLevel},
	} {
		require.Equal(t, c.want, sdkLevel(zerolog.WarnLevel, c.msg, []any{"Namespace", "default", "Error", c.err}), "%s: %v", c.msg, c.err)
	}
	require.Equal(t, zerolog.DebugLevel, sdkLevel(zerolog.ErrorLevel, "Activity error.", []any{"Error", context.Canceled}))
	require.Equal(t, zerolog.DebugLevel, sdkLevel(zerolog.ErrorLevel, "Activity error.", []any{"Error", errors.New("outage")}), "the process logs the outage itself")
	for attempt, want := range map[int32]zerolog.Level{1: zerolog.DebugLevel, 5: zerolog.WarnLevel, 6: zerolog.DebugLevel, 200: zerolog.WarnLevel} {
		got := sdkLevel(zerolog.ErrorLevel, "Activity error.", []any{"Attempt", attempt, "Error", errors.New("permission denied")})
		require.Equal(t, want, got, attempt)
	}
	require.Equal(t, zerolog.ErrorLevel, sdkLevel(zerolog.ErrorLevel, "Workflow panic", []any{"Error", errors.New("boom")}))
	var out bytes.Buffer
	sdkLogger{zerolog.New(&out).Level(zerolog.InfoLevel)}.Warn(heartbeat, "Error", temporal.NewCanceledError())
	require.Empty(t, out.String())
}

var updateKeys = flag.Bool("update-log-keys", false, "update testdata/log-keys.txt")

// TestLogKeysAreListed checks that every log key is in snake_case, that testdata lists the
// keys of the SDK, and that docs/operations.md names only keys that exist.
func TestLogKeysAreListed(t *testing.T) {
	t.Parallel()
	const path = "testdata/log-keys.txt"
	sdk := sdkKeys(t)
	slices.Sort(sdk)
	sdk = slices.Compact(sdk)
	keys := append(ownKeys(t), sdk...)
	for _, key := range keys {
		require.Regexp(t, `^[a-z][a-z0-9]*(_[a-z0-9]+)*$`, key)
	}
	if *updateKeys {
		require.NoError(t, os.WriteFile(path, []byte(strings.Join(sdk, "\n")+"\n"), 0o644))
	}
	listed, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, strings.TrimSpace(string(listed)), strings.Join(sdk, "\n"), "go test ./internal/temporal -run LogKeys -update-log-keys")

	operations, err := os.ReadFile("../../docs/operations.md")
	require.NoError(t, err)
	sentence := regexp.MustCompile(`(?s)Log lines have these keys: (.*?)\.\n`).FindSubmatch(operations)
	require.NotNil(t, sentence)
	named := regexp.MustCompile("`([a-z_]+)`").FindAllSubmatch(sentence[1], -1)
	require.Greater(t, len(named), 10)
	for _, m := range named {
		require.Contains(t, keys, string(m[1]))
	}
}

// ownKeys returns the keys that lazisync itself logs.
func ownKeys(t *testing.T) (keys []string) {
	t.Helper()
	key := regexp.MustCompile(`\.(?:Str|Strs|Stringer|Int|Int32|Int64|Uint32|Uint64|Float64|Bool|Dur|Time|Any|Interface|AnErr|RawJSON)\("([^"]+)", `)
	attribute := regexp.MustCompile(`attribute\.\w+\("`) // of a span
	keys = []string{zerolog.LevelFieldName, zerolog.TimestampFieldName, zerolog.MessageFieldName, zerolog.ErrorFieldName}
	for _, folder := range []string{"../../activities", "../../bridge", "../../workflows", ".."} {
		require.NoError(t, filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			content, err := os.ReadFile(path)
			for _, m := range key.FindAllSubmatch(attribute.ReplaceAll(content, nil), -1) {
				keys = append(keys, string(m[1]))
			}
			return err
		}))
	}
	return keys
}

// sdkKeys returns the keys in the source of Temporal's SDK.
func sdkKeys(t *testing.T) (keys []string) {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "go.temporal.io/sdk").Output()
	require.NoError(t, err)
	source, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "internal", "internal_logging_tags.go"))
	require.NoError(t, err)
	for _, m := range regexp.MustCompile(`tag\w+ *= "(\w+)"`).FindAllSubmatch(source, -1) {
		keys = append(keys, logKey(string(m[1])))
	}
	require.Greater(t, len(keys), 40)
	for _, literal := range []string{"error", "Stop timeout", "SignalNames", "Updates", "stackTrace", "sessionID", "key", "type", "path", "Signal"} {
		keys = append(keys, logKey(literal))
	}
	return keys
}
