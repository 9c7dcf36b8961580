package message

import (
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/notify"
)

// freshness is the first line about entities that are too old, or are not any more.
func (r Renderer) freshness(n notify.Notification) string {
	names := make([]string, len(n.Ages.Entities))
	for i, e := range n.Ages.Entities {
		names[i] = r.clip(oneLine(e.Entity), nameLimit)
	}
	list := r.clip(several(names), titleLimit)
	if n.Outcome == notify.Fresh {
		return "Fresh again after " + duration(n.At.Sub(n.Ages.Since)) + ": " + list
	}
	return "Stale since " + clock(n.Ages.Since) + ": " + list + r.because(n.Ages.Cause)
}

// ages renders the ages of the entities and the likely cause.
func (r Renderer) ages(n notify.Notification) (sections []string, footer string) {
	lines := make([]string, len(n.Ages.Entities))
	for i, e := range n.Ages.Entities {
		lines[i] = r.ageLine(e)
	}
	sections = append([]string{r.bold("Tenant") + " " + r.clip(string(n.Ages.TenantID), nameLimit) + r.when(n, "At")}, pack(lines, "entity")...)
	if cause := n.Ages.Cause; cause != "" {
		sections = append(sections, r.bold("Likely cause")+" "+r.clip(oneLine(cause), errorLimit))
	}
	return sections, "event " + r.clip(n.EventID, nameLimit)
}

func (r Renderer) ageLine(e events.EntityAge) string {
	seconds := func(n int64) string { return duration(time.Duration(n) * time.Second) }
	text := r.bold(r.clip(oneLine(e.Entity), nameLimit)) + " " + seconds(e.AgeSeconds) + " old"
	if e.AsOf == nil {
		text += ", never read completely"
	}
	if e.TargetSeconds > 0 {
		text += ", allowed " + seconds(e.TargetSeconds)
	}
	return text
}
