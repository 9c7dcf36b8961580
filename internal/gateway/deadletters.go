package gateway

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// DeadLetters is the dead-letter stream. Its methods are safe for concurrent use.
type DeadLetters interface {
	// LatestDeadLetters returns at most limit dead letters, newest first: those before a sequence
	// or, if before is 0, the latest ones. total is the number of all dead letters, next the before
	// of the next page, 0 on the last page.
	LatestDeadLetters(ctx context.Context, before uint64, limit int) (list []events.RejectedMessage, total, next uint64, err error)
	// DeadLetterAt returns one dead letter, or events.ErrNoDeadLetter.
	DeadLetterAt(ctx context.Context, sequence uint64) (events.RejectedMessage, error)
	// Replay publishes the message on its subject again and returns its new place. The dead letter
	// is kept.
	Replay(ctx context.Context, sequence uint64) (stream string, at uint64, err error)
}

// DeadLetterHandlings are what operators did with dead letters.
type DeadLetterHandlings interface {
	// Handlings returns those of some dead letters by normalized key. Open dead letters are absent.
	Handlings(ctx context.Context, of []ledger.DeadLetterKey) (map[ledger.DeadLetterKey]ledger.Handling, error)
	// RecordReplay stores the latest replay of a dead letter.
	RecordReplay(ctx context.Context, k ledger.DeadLetterKey, r ledger.Replay) error
	// DismissDeadLetters stores that dead letters need no action.
	DismissDeadLetters(ctx context.Context, keys []ledger.DeadLetterKey, d ledger.Dismissal) error
}

// deadLetter is a dead letter with what was done with it.
type deadLetter struct {
	events.RejectedMessage
	ledger.Handling
}

func (d deadLetter) key() ledger.DeadLetterKey {
	return ledger.DeadLetterKey{Sequence: d.Sequence, RejectedAt: d.At}.Normalized()
}

// isOpen reports whether the dead letter was neither replayed nor dismissed.
func (d deadLetter) isOpen() bool { return d.Handling == ledger.Handling{} }

type deadLetterView struct {
	Sequence   uint64            `json:"sequence"`
	RejectedAt time.Time         `json:"rejectedAt"`
	Subject    string            `json:"subject"`
	Code       events.RejectCode `json:"code"`
	Reason     string            `json:"reason"`
	Attempts   uint64            `json:"attempts"`
	RequestID  string            `json:"requestId,omitempty"` // of the event, if it has an identity
	Event      *events.EventRef  `json:"event,omitempty"`
	Replayable bool              `json:"replayable"` // over HTTP
	Dismissed  *handledView      `json:"dismissed,omitempty"`
	Replayed   *handledView      `json:"replayed,omitempty"`
}

// handledView says who dismissed or replayed a dead letter, when and why.
type handledView struct {
	At     time.Time `json:"at"`
	Actor  string    `json:"actor,omitempty"`
	Reason string    `json:"reason,omitempty"`
}

type deadLetterDetail struct {
	deadLetterView
	Stream         string     `json:"stream"`
	StreamSequence uint64     `json:"streamSequence"`
	StoredAt       *time.Time `json:"storedAt"`
	Data           string     `json:"data"` // the start of the message; what is not UTF-8 is replaced
	Truncated      bool       `json:"truncated"`
}

const (
	defaultDeadLetters = 50
	maxDeadLetters     = 200
	shownData          = 64 << 10
)

func viewDeadLetter(d deadLetter) deadLetterView {
	v := deadLetterView{
		Sequence: d.Sequence, RejectedAt: d.At.UTC(), Subject: d.Message.Subject, Code: d.Code, Reason: d.Reason, Attempts: d.Attempts,
		Replayable: isCommand(d.Message.Subject),
	}
	if h := d.Dismissal; h != nil {
		v.Dismissed = &handledView{At: h.At.UTC(), Actor: h.Actor, Reason: h.Reason}
	}
	if h := d.Replay; h != nil {
		v.Replayed = &handledView{At: h.At.UTC(), Actor: h.Actor}
	}
	if event, err := events.Decode(d.Message); err == nil {
		v.RequestID = events.RequestID(event.Source(), event.ID())
		v.Event = &events.EventRef{Source: event.Source(), ID: event.ID()}
	}
	return v
}

// isCommand reports whether the gateway may publish on a subject. The other dead letters are events
// that the notifier could not handle.
func isCommand(subject string) bool {
	return subject == events.Requested.Subject || subject == events.Control.Subject
}

// listDeadLetters lists dead letters, newest first.
func (g *Gateway) listDeadLetters(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	limit, err := parseLimit(query.Get("limit"), defaultDeadLetters, maxDeadLetters)
	if err != nil {
		return err
	}
	var before uint64
	if text := query.Get("before"); text != "" {
		if before, err = strconv.ParseUint(text, 10, 63); err != nil || before == 0 {
			return invalid(field("before", text, "nextBefore of the previous response"))
		}
	}
	list, total, next, err := g.latestDeadLetters(r.Context(), before, limit)
	if err != nil {
		return err
	}
	views := make([]deadLetterView, 0, len(list))
	for _, d := range list {
		views = append(views, viewDeadLetter(d))
	}
	answer := map[string]any{"deadLetters": views, "total": total}
	if next > 0 {
		answer["nextBefore"] = next
	}
	return writeJSON(w, http.StatusOK, answer)
}

// showDeadLetter returns one dead letter with the start of its data.
func (g *Gateway) showDeadLetter(w http.ResponseWriter, r *http.Request) error {
	found, err := g.deadLetter(r)
	if err != nil {
		return err
	}
	data := found.Message.Data
	detail := deadLetterDetail{
		deadLetterView: viewDeadLetter(found), Stream: found.Message.Stream, StreamSequence: found.Message.Sequence,
		StoredAt: timeOrNull(found.Message.Stored), Truncated: len(data) > shownData,
	}
	if detail.Truncated {
		data = data[:shownData]
	}
	detail.Data = strings.ToValidUTF8(string(data), "\uFFFD")
	return writeJSON(w, http.StatusOK, detail)
}

func (g *Gateway) latestDeadLetters(ctx context.Context, before uint64, limit int) (list []deadLetter, total, next uint64, err error) {
	found, total, next, err := g.DeadLetters.LatestDeadLetters(ctx, before, limit)
	if err != nil {
		return nil, 0, 0, unavailable("the dead-letter stream is unavailable", err)
	}
	keys := make([]ledger.DeadLetterKey, len(found))
	for i, one := range found {
		list = append(list, deadLetter{RejectedMessage: one})
		keys[i] = list[i].key()
	}
	handlings, err := g.Handlings.Handlings(ctx, keys)
	if err != nil {
		return nil, 0, 0, unavailable("the database is unavailable", err)
	}
	for i := range list {
		list[i].Handling = handlings[keys[i]]
	}
	return list, total, next, nil
}

// deadLetter returns the dead letter of the path.
func (g *Gateway) deadLetter(r *http.Request) (deadLetter, error) {
	text := r.PathValue("sequence")
	unknown := notFound("sequence", text, "the sequence of a dead letter")
	sequence, err := strconv.ParseUint(text, 10, 63)
	if err != nil || sequence == 0 {
		return deadLetter{}, unknown
	}
	found, err := g.DeadLetters.DeadLetterAt(r.Context(), sequence)
	switch {
	case errors.Is(err, events.ErrNoDeadLetter):
		return deadLetter{}, unknown
	case err != nil:
		return deadLetter{}, unavailable("the dead-letter stream is unavailable", err)
	}
	d := deadLetter{RejectedMessage: found}
	handlings, err := g.Handlings.Handlings(r.Context(), []ledger.DeadLetterKey{d.key()})
	if err != nil {
		return deadLetter{}, unavailable("the database is unavailable", err)
	}
	d.Handling = handlings[d.key()]
	return d, nil
}

// replayDeadLetter publishes the command of a dead letter again. The bridge validates it as a new
// one.
func (g *Gateway) replayDeadLetter(w http.ResponseWriter, r *http.Request) error {
	given, err := g.body(w, r)
	if err != nil {
		return err
	}
	for name, value := range given {
		return invalid(events.FieldError{Path: name, Got: string(value), Want: "an empty body"})
	}
	found, err := g.deadLetter(r)
	if err != nil {
		return err
	}
	view := viewDeadLetter(found)
	if !view.Replayable {
		return invalid(field("sequence", r.PathValue("sequence"), "a dead letter of sync.requested or sync.control; lazisync deadletter replay publishes others"))
	}
	name, at, err := g.DeadLetters.Replay(r.Context(), found.Sequence)
	if err != nil {
		return unavailable("the message was not published, retry later", err)
	}
	replay := ledger.Replay{Actor: g.actor(r), Stream: name, Sequence: at}
	if err := g.Handlings.RecordReplay(r.Context(), found.key(), replay); err != nil {
		// The message is published: an error would invite a second replay.
		g.Logger.Warn().Err(err).Uint64("sequence", found.Sequence).Msg("replay of a dead letter not recorded, it stays open")
	}
	return writeJSON(w, http.StatusAccepted, map[string]any{"success": true, "sequence": found.Sequence, "requestId": nullIfZero(view.RequestID)})
}

// dismissDeadLetter records that a dead letter needs no action.
func (g *Gateway) dismissDeadLetter(w http.ResponseWriter, r *http.Request) error {
	reason, err := g.reason(w, r)
	if err != nil {
		return err
	}
	found, err := g.deadLetter(r)
	if err != nil {
		return err
	}
	dismissal := ledger.Dismissal{Actor: g.actor(r), Reason: reason}
	if err := g.Handlings.DismissDeadLetters(r.Context(), []ledger.DeadLetterKey{found.key()}, dismissal); err != nil {
		return unavailable("the database is unavailable", err)
	}
	return writeJSON(w, http.StatusOK, map[string]any{"success": true, "sequence": found.Sequence})
}

// actor returns the name of the client, "" without tokens.
func (g *Gateway) actor(r *http.Request) string {
	who, _ := g.client(r)
	return who.Name
}
