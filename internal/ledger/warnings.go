package ledger

import (
	"slices"

	"github.com/lazi/lazisync/internal/display"
)

const (
	// MaxWarnings is the maximum number of warnings of the pages of one entity that a run keeps: an
	// outcome must fit an event, however damaged the pages are.
	MaxWarnings = 20
	// maxWarning is the maximum length of a warning, in characters.
	maxWarning = 1000
)

// Warnings are the first warnings of a position, and the number of the others. The zero value has none.
type Warnings struct {
	Texts []string // at most MaxWarnings, each once
	More  int64    // not kept; one that is repeated is counted each time
}

// Add returns the warnings with further ones. It does not change w.Texts.
func (w Warnings) Add(added []string) Warnings {
	w.Texts = slices.Clone(w.Texts)
	for _, text := range added {
		text = display.Shorten(text, maxWarning)
		switch {
		case slices.Contains(w.Texts, text):
		case len(w.Texts) < MaxWarnings:
			w.Texts = append(w.Texts, text)
		default:
			w.More++
		}
	}
	return w
}

// List returns the texts, and a last one with the number of the others if there are some; nil for none.
func (w Warnings) List() []string {
	if w.More > 0 {
		return append(slices.Clone(w.Texts), moreWarnings(w.More))
	}
	if len(w.Texts) == 0 {
		return nil
	}
	return w.Texts
}

// maxMessage is the maximum length of the message of a RunError, in characters.
const maxMessage = 4000

// ErrorMessage returns the message of an error for a RunError. Workflows, events and the ledger have it, so
// that it must not have the length of what a server answered.
func ErrorMessage(err error) string { return display.Shorten(err.Error(), maxMessage) }

func moreWarnings(n int64) string { return "and " + display.Count(n, "more warning") }
