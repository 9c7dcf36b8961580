package ledger

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/display"
)

// maxData is the maximum size of the data of an event of a run, in bytes. With the attributes and the
// header, the message fits the smallest max_payload with which lazisync works with a NATS server.
const maxData = 896 << 10

// limits are those of the texts and lists of an event that is too large. No event names fewer requests.
type limits struct {
	text     int // characters of a text
	warnings int // of an entity
	channels int // to notify
}

// eventLimits are tried in order, until the event fits. With the last one an event always fits: a part has
// at most 512 KiB of requests, and the catalogue limits the entities.
var eventLimits = []limits{{text: 4000, warnings: 2 * MaxWarnings, channels: 1000}, {text: 400, warnings: 5, channels: 100}, {text: 40, channels: 50}}

// fit returns the data, with shorter texts and lists if it does not fit an event otherwise. NATS would refuse
// the event with every try, and the workflow that publishes it would wait forever. The ledger keeps them
// unchanged.
func fit[T any](data T, shorten func(T, limits) T) (T, error) {
	short := data
	for i := 0; ; i++ {
		encoded, err := json.Marshal(short)
		if err != nil || len(encoded) <= maxData {
			return short, err
		}
		if i == len(eventLimits) {
			return short, fmt.Errorf("the data has %d bytes, want at most %d", len(encoded), maxData)
		}
		short = shorten(data, eventLimits[i])
	}
}

func shortOutcome(d events.OutcomeData, to limits) events.OutcomeData {
	d.Reason = display.Shorten(d.Reason, to.text)
	d.Error = shortError(d.Error, to)
	d.Notify = d.Notify[:min(len(d.Notify), to.channels)]
	d.Results = slices.Clone(d.Results)
	for i := range d.Results {
		r := &d.Results[i]
		r.SkippedReason = display.Shorten(r.SkippedReason, to.text)
		r.Error = shortError(r.Error, to)
		r.Warnings = shortWarnings(r.Warnings, to)
		if r.Differences != nil && to.warnings == 0 {
			without := *r.Differences
			without.Sample = []string{}
			r.Differences = &without
		}
	}
	return d
}

func shortControlled(d events.ControlledData, to limits) events.ControlledData {
	d.Reason, d.Actor = display.Shorten(d.Reason, to.text), display.Shorten(d.Actor, to.text)
	return d
}

func shortError(e *events.RunError, to limits) *events.RunError {
	if e == nil {
		return nil
	}
	short := *e
	short.Message = display.Shorten(short.Message, to.text)
	return &short
}

// shortWarnings returns the first warnings, and a last one with the number of the others.
func shortWarnings(all []string, to limits) (short []string) {
	for _, w := range all[:min(len(all), to.warnings)] {
		short = append(short, display.Shorten(w, to.text))
	}
	if more := len(all) - len(short); more > 0 {
		short = append(short, moreWarnings(int64(more)))
	}
	return short
}
