package bridge_test

import (
	"testing"

	"github.com/lazi/lazisync/events"
	"github.com/stretchr/testify/require"
)

// ids lists the ids of what was published, in order.
func (w *world) ids() []string {
	all := w.publisher.Events()
	ids := make([]string, len(all))
	for i, e := range all {
		ids[i] = e.ID()
	}
	return ids
}

// published lists the data of every published event of one type.
func published[T any](t *testing.T, w *world, typ events.Type[T]) []T {
	t.Helper()
	all := []T{}
	for _, e := range w.publisher.Events() {
		if e.Type() != typ.Name {
			continue
		}
		data, err := typ.Data(e)
		require.NoError(t, err)
		all = append(all, data)
	}
	return all
}

// rejections lists the code and reason of each published sync.rejected.
func (w *world) rejections(t *testing.T) []string {
	t.Helper()
	reasons := []string{}
	for _, data := range published(t, w, events.Rejected) {
		reasons = append(reasons, string(data.Code)+": "+data.Reason)
	}
	return reasons
}

// recorder is a bridge.Recorder that calls functions; nil ones are not called.
type recorder struct {
	answered   func(kind events.Kind, mode events.Mode, answer string)
	reconciled func(action string, times int)
}

func (r recorder) Answered(kind events.Kind, mode events.Mode, answer string) {
	if r.answered != nil {
		r.answered(kind, mode, answer)
	}
}

func (r recorder) Reconciled(action string, times int) {
	if r.reconciled != nil {
		r.reconciled(action, times)
	}
}
