package contract

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/workflows"
)

// A failure leaves no file in the source tree: its output has the script. Flags of the command line
// are parsed later and win.
func init() {
	_ = flag.Set("rapid.nofailfile", "true")
	_ = flag.Set("rapid.steps", "50")
}

// kinds are the errors that callers of the ports distinguish.
var kinds = []error{
	ledger.ErrFinalized, ledger.ErrFenced, ledger.ErrBusy, ledger.ErrConflict, ledger.ErrUnknown,
	workflows.ErrNotRunning, workflows.ErrRejected, workflows.ErrMisconfigured,
}

// kindOf returns the kind of an error, "" for none.
func kindOf(err error) string {
	if err == nil {
		return ""
	}
	for _, kind := range kinds {
		if errors.Is(err, kind) {
			return kind.Error()
		}
	}
	if errors.As(err, new(*ledger.NotDueError)) {
		return "not due"
	}
	return "another error"
}

// differ is the message of every failure: rapid reduces a sequence while it fails with the same message.
const differ = "the implementation in memory differs from the real one in the last call"

// pair carries out calls on two implementations of a port.
type pair[Port any] struct{ memory, real Port }

// call makes a call with both and compares the results, and the kinds of the errors. It returns the
// result of the implementation in memory.
func call[Port, Result any](t *rapid.T, p pair[Port], what string, do func(Port) (Result, error)) (Result, error) {
	t.Helper()
	want, wantErr := do(p.real)
	got, gotErr := do(p.memory)
	t.Logf("%s: %s %v", what, plain(want), wantErr)
	if kindOf(wantErr) != kindOf(gotErr) {
		t.Logf("%s: in memory the error is: %v", what, gotErr)
		t.Fatal(differ)
	}
	if wantErr != nil && !errors.Is(wantErr, ledger.ErrFinalized) {
		return got, gotErr // without a result
	}
	if !assert.ObjectsAreEqual(plain(want), plain(got)) {
		t.Logf("%s: in memory the result is:\n%s", what, plain(got))
		t.Fatal(differ)
	}
	return got, gotErr
}

// plain returns a value as JSON without what differs between two correct implementations: of a time
// only whether it is set, and of a run that exists only in the ledger no UUID. An empty list is none.
func plain(value any) string {
	encoded, err := json.Marshal(plainValue(reflect.ValueOf(value)))
	if err != nil {
		return err.Error()
	}
	return string(encoded)
}

func plainValue(v reflect.Value) any {
	if !v.IsValid() {
		return nil
	}
	if at, isTime := v.Interface().(time.Time); isTime {
		return !at.IsZero()
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return plainValue(v.Elem())
	case reflect.Struct:
		fields := map[string]any{}
		for field, of := range v.Fields() {
			isList := of.Kind() == reflect.Slice || of.Kind() == reflect.Map
			if field.IsExported() && !of.IsZero() && !(isList && of.Len() == 0) {
				fields[field.Name] = plainValue(of)
			}
		}
		return fields
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return fmt.Sprintf("%s", v.Interface())
		}
		var list []any
		for i := range v.Len() {
			list = append(list, plainValue(v.Index(i)))
		}
		return list
	case reflect.Map:
		entries := map[string]any{}
		for _, key := range v.MapKeys() {
			entries[fmt.Sprint(key)] = plainValue(v.MapIndex(key))
		}
		return entries
	case reflect.String:
		for _, prefix := range []string{ledger.WithdrawnPrefix, ledger.UnstartedPrefix} {
			if strings.HasPrefix(v.String(), prefix) {
				return prefix
			}
		}
	}
	return v.Interface()
}
