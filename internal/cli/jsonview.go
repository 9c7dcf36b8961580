package cli

import (
	"encoding/json"
	"io"

	"github.com/lazi/lazisync/events"
)

// jsonView prints the data of every event as one JSON object a line.
type jsonView struct{ out io.Writer }

func (v jsonView) print(kind string, data any) {
	_ = json.NewEncoder(v.out).Encode(map[string]any{"event": kind, "data": data})
}
func (v jsonView) accepted(d events.AcceptedData)               { v.print("accepted", d) }
func (v jsonView) started(d events.StartedData)                 { v.print("started", d) }
func (v jsonView) progress(d events.ProgressData)               { v.print("progress", d) }
func (v jsonView) controlled(k string, d events.ControlledData) { v.print(k, d) }
func (v jsonView) outcome(k string, d events.OutcomeData)       { v.print(k, d) }
func (v jsonView) rejected(d events.RejectedData)               { v.print("rejected", d) }
func (v jsonView) alreadyPaused(d events.ControlledData)        { v.print("waiting", d) }
func (v jsonView) unanswered()                                  {}
func (v jsonView) close()                                       {}
