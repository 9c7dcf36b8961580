package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/config"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/stream"
)

// EraseOptions are those of `lazisync erase`.
type EraseOptions struct {
	Entity   string
	ID       string
	TenantID string // default: the only one
	Yes      bool   // erase; else only show what would be erased
	JSON     bool
}

// EraseStore is what an erasure needs of the database.
type EraseStore interface {
	// Erase removes data and adds the entry to the audit trail. Without an entry it only counts.
	Erase(ctx context.Context, what ledger.Erasure, elsewhere []ledger.ErasedPlace, entry *ledger.AuditEntry) (ledger.EraseReport, error)
	// EraseChanges removes changes of records, by entity. Without apply it only counts.
	EraseChanges(ctx context.Context, what ledger.Erasure, ids map[string][]string, apply bool) (int64, error)
	ForgetMessages(ctx context.Context, places []string) error
	ForgetDeadLetters(ctx context.Context, keys []ledger.DeadLetterKey) (int64, error)
}

// EraseStream is what an erasure needs of JetStream.
type EraseStream interface {
	FindMessages(ctx context.Context, match func(m events.Message, isDeadLetter bool) bool) ([]stream.StoredMessage, error)
	EraseMessages(ctx context.Context, messages []stream.StoredMessage) ([]stream.StoredMessage, error)
}

// Check returns an error if no record can have the entity and the id.
func (o EraseOptions) Check() error {
	of, known := entity.Find(o.Entity)
	if known {
		return checkRecordID(of, o.ID)
	}
	want := "a name from lazisync entities"
	if nearest, ok := events.Nearest(o.Entity, entity.Names()); ok {
		want = "a known entity (did you mean " + nearest + "?)"
	}
	return fmt.Errorf("ENTITY: got %q, want %s", o.Entity, want)
}

// Resolve returns the record that the options name, which Check has accepted.
func (o EraseOptions) Resolve(cfg *config.Config) (what ledger.Erasure, err error) {
	what.ID = o.ID
	what.Entity, _ = entity.Find(o.Entity)
	what.TenantID, err = chooseTenant(o.TenantID, cfg.TenantIDs())
	return what, err
}

// checkRecordID returns an error if no record of an entity can have the id.
func checkRecordID(of entity.Entity, id string) error {
	if of.Key == entity.Int64ID {
		if !events.RecordID(id).IsNumeric() {
			return fmt.Errorf("ID: got %q, want an id of %s: an integer from 1 to %d", id, of.Name, int64(math.MaxInt64))
		}
		return nil
	}
	fields := strings.Join(of.Identity(), "/")
	isInvalid := func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || r == unicode.ReplacementChar }
	if id == "" || strings.ContainsFunc(id, isInvalid) || strings.Count(id, "/") != len(of.Identity())-1 {
		return fmt.Errorf("ID: got %q, want an id of %s: %s without spaces", id, of.Name, fields)
	}
	return nil
}

// chooseTenant returns the tenant with an ID or, without one, the only tenant.
func chooseTenant(id string, all []events.TenantID) (events.TenantID, error) {
	names := make([]string, len(all))
	for i, t := range all {
		names[i] = string(t)
	}
	switch {
	case len(all) == 0:
		return "", errors.New("SERVICETITAN_TENANT_ID: not set, want the tenant's number")
	case id == "" && len(all) == 1:
		return all[0], nil
	case id == "":
		return "", fmt.Errorf("--tenant: missing value, want one of %s", strings.Join(names, ", "))
	case !slices.Contains(names, id):
		return "", fmt.Errorf("--tenant: got %q, want %s", id, strings.Join(names, " or "))
	}
	return events.TenantID(id), nil
}

// Erase removes everything that lazisync has of a record, and prints what it removed. Without o.Yes it changes
// nothing and prints what it would remove. It fails if runs prevent it, or if messages of streams remain.
func Erase(ctx context.Context, s EraseStore, conn EraseStream, what ledger.Erasure, o EraseOptions, out io.Writer) error {
	e := erasing{Erasure: what, store: s, stream: conn, apply: o.Yes}
	if err := e.run(ctx); err != nil {
		return err
	}
	view := e.view()
	if o.JSON {
		if err := printAnswer(out, true, view, ""); err != nil {
			return err
		}
	} else if err := view.print(out); err != nil {
		return err
	}
	if o.Yes && len(view.Kept) > 0 {
		return &ExitError{Code: ExitFailed, Message: "not everything is erased: see the messages that are kept"}
	}
	return nil
}

// erasing is one erasure.
type erasing struct {
	ledger.Erasure
	store  EraseStore
	stream EraseStream
	apply  bool

	report ledger.EraseReport
	kept   []stream.StoredMessage
}

// run finds everything, and then erases the rows last: they lead to the ids of the records that exist only for
// this one, so that the command can be repeated after an error.
func (e *erasing) run(ctx context.Context) (err error) {
	if e.report, err = e.store.Erase(ctx, e.Erasure, nil, nil); err != nil {
		return err
	}
	found, err := e.stream.FindMessages(ctx, ledger.NewMentions(e.TenantID, e.report.IDs()).InMessage)
	if err != nil {
		return err
	}
	var removed []stream.StoredMessage
	for _, m := range found {
		switch {
		case m.Kept == "":
			removed = append(removed, m)
			continue
		case m.IsUnanswered():
			e.report.Blockers = append(e.report.Blockers, fmt.Sprintf("message %d of %s names it, and %s: wait, or start the bridge", m.Sequence, m.Stream, m.Kept))
		}
		e.kept = append(e.kept, m)
	}
	if e.apply && len(e.report.Blockers) > 0 {
		return &ledger.EraseBlockedError{Blockers: e.report.Blockers}
	}
	var elsewhere ledger.EraseReport
	changes, err := e.store.EraseChanges(ctx, e.Erasure, e.report.IDs(), e.apply)
	if err != nil {
		return err
	}
	elsewhere.Add("raw.changes", ledger.EraseDeleted, changes)
	if err := e.eraseMessages(ctx, removed, &elsewhere); err != nil {
		return err
	}
	if !e.apply {
		e.report.Places = append(e.report.Places, elsewhere.Places...)
		return nil
	}
	report, err := e.store.Erase(ctx, e.Erasure, elsewhere.Places, &ledger.AuditEntry{
		ID: rand.Text(), At: time.Now().UTC(), Actor: os.Getenv("USER"), Role: "command", Action: ledger.ActionErase,
		Target: e.Target(), TenantID: e.TenantID, Status: 200,
	})
	if err != nil {
		return fmt.Errorf("%w; what streams and raw.changes had is erased: run the command again", err)
	}
	e.report = report
	return nil
}

// eraseMessages removes messages that name one of the records, and what the ledger has of them.
func (e *erasing) eraseMessages(ctx context.Context, messages []stream.StoredMessage, report *ledger.EraseReport) (err error) {
	if e.apply && len(messages) > 0 {
		places := make([]string, len(messages))
		for i, m := range messages {
			places[i] = m.Place()
		}
		if err := e.store.ForgetMessages(ctx, places); err != nil {
			return err
		}
		if messages, err = e.stream.EraseMessages(ctx, messages); err != nil {
			return err
		}
	}
	var deadLetters []ledger.DeadLetterKey
	for _, m := range messages {
		report.Add(m.Stream, ledger.EraseDeleted, 1)
		if m.IsDeadLetter() {
			deadLetters = append(deadLetters, ledger.DeadLetterKey{Sequence: m.Sequence, RejectedAt: m.Stored})
		}
	}
	if !e.apply || len(deadLetters) == 0 {
		return nil
	}
	forgotten, err := e.store.ForgetDeadLetters(ctx, deadLetters)
	report.Add("raw.sync_dead_letters", ledger.EraseDeleted, forgotten)
	return err
}
