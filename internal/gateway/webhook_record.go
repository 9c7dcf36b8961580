package gateway

import (
	"strings"
	"unicode"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// request completes the data of the request for a delivery: the entities of its event or, where it
// names one record of one entity whose list takes ids, a refresh of that record. The second pass that
// follows reads the whole entity in any case.
func (w Webhooks) request(kind, id string, data events.RequestData) events.RequestData {
	data.Entities = w.entities(kind)
	if len(data.Entities) == 1 && isAbout(kind, data.Entities[0]) && ledger.Refreshes()[data.Entities[0]].Accepts(events.RecordID(id)) {
		data.IDs = []events.RecordID{events.RecordID(id)}
	}
	return data
}

// isAbout reports whether an event type is about one record of an entity, and the record still
// exists: job.updated and JobCompleted are about jobs, job.note.created and payment.created are not.
// The list omits a deleted record, so that its deletion needs an incremental sync.
func isAbout(kind, name string) bool {
	words := wordsOf(kind)
	if len(words) < 2 {
		return false
	}
	what, happened := strings.Join(words[:len(words)-1], ""), words[len(words)-1]
	if strings.HasPrefix(happened, "delet") || strings.HasPrefix(happened, "remov") {
		return false
	}
	plural := strings.ReplaceAll(name, "_", "")
	return what == plural || what == strings.TrimSuffix(plural, "s") || strings.HasSuffix(plural, "ies") && what == strings.TrimSuffix(plural, "ies")+"y"
}

// wordsOf splits an event type into its words, in lower case: job.completed and JobCompleted alike.
func wordsOf(kind string) []string {
	var words []string
	start := 0
	add := func(end int) {
		if end > start {
			words = append(words, strings.ToLower(kind[start:end]))
		}
	}
	for i, r := range kind { // ASCII, see isNotInEventType
		switch {
		case !unicode.IsLetter(r):
			add(i)
			start = i + 1
		case unicode.IsUpper(r) && i > start && unicode.IsLower(rune(kind[i-1])):
			add(i)
			start = i
		}
	}
	add(len(kind))
	return words
}
