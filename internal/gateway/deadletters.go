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

// ErrNoDeadLetter is returned when there is no dead letter at a sequence.
var ErrNoDeadLetter = errors.New("dead letter not found")

// DeadLetters reads the dead-letter stream and replays commands from it. Its methods are safe for
// concurrent use.
type DeadLetters interface {
	// Latest returns at most limit dead letters, newest first: those before a sequence or, if
	// before is 0, the latest ones. total is the number of all dead letters, next the before of
	// the next page, 0 on the last page.
	Latest(ctx context.Context, before uint64, limit int) (list []DeadLetter, total, next uint64, err error)
	// Get returns one dead letter, or ErrNoDeadLetter.
	Get(ctx context.Context, sequence uint64) (DeadLetter, error)
	// Replay publishes the message on its subject again and records that. The dead letter is
	// kept. actor may be "".
	Replay(ctx context.Context, d DeadLetter, actor string) error
	// Dismiss records that the dead letter needs no action.
	Dismiss(ctx context.Context, d DeadLetter, actor, reason string) error
}

// DeadLetter is a rejected message with the reason for its rejection.
type DeadLetter struct {
	Sequence uint64
	At       time.Time // when it was written
	Code     events.RejectCode
	Reason   string
	Attempts uint64
	Message  events.Message // the original
	Handling ledger.Handling
}

// isOpen reports whether the dead letter was neither replayed nor dismissed.
func (d DeadLetter) isOpen() bool { return d.Handling == ledger.Handling{} }

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

func viewDeadLetter(d DeadLetter) deadLetterView {
	v := deadLetterView{
		Sequence: d.Sequence, RejectedAt: d.At.UTC(), Subject: d.Message.Subject, Code: d.Code, Reason: d.Reason, Attempts: d.Attempts,
		Replayable: isCommand(d.Message.Subject),
	}
	if h := d.Handling.Dismissal; h != nil {
		v.Dismissed = &handledView{At: h.At.UTC(), Actor: h.Actor, Reason: h.Reason}
	}
	if h := d.Handling.Replay; h != nil {
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
	list, total, next, err := g.DeadLetters.Latest(r.Context(), before, limit)
	if err != nil {
		return unavailable("the dead-letter stream is unavailable", err)
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

func (g *Gateway) deadLetter(r *http.Request) (DeadLetter, error) {
	text := r.PathValue("sequence")
	unknown := notFound("sequence", text, "the sequence of a dead letter")
	sequence, err := strconv.ParseUint(text, 10, 63)
	if err != nil || sequence == 0 {
		return DeadLetter{}, unknown
	}
	found, err := g.DeadLetters.Get(r.Context(), sequence)
	switch {
	case errors.Is(err, ErrNoDeadLetter):
		return found, unknown
	case err != nil:
		return found, unavailable("the dead-letter stream is unavailable", err)
	}
	return found, nil
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
	if err := g.DeadLetters.Replay(r.Context(), found, g.actor(r)); err != nil {
		return unavailable("the message was not published, retry later", err)
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
	if err := g.DeadLetters.Dismiss(r.Context(), found, g.actor(r), reason); err != nil {
		return unavailable("the database is unavailable", err)
	}
	return writeJSON(w, http.StatusOK, map[string]any{"success": true, "sequence": found.Sequence})
}

// actor returns the name of the client, "" without tokens.
func (g *Gateway) actor(r *http.Request) string {
	who, _ := g.client(r)
	return who.Name
}
