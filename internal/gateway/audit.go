package gateway

import (
	"context"
	"crypto/rand"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/lazi/lazisync/internal/display"
	"github.com/lazi/lazisync/internal/ledger"
)

const (
	auditTimeout = time.Second
	auditRetry   = 2 * time.Second
	// maxPending is the number of entries that the gateway keeps while PostgreSQL is unavailable.
	// Then it refuses actions.
	maxPending = 1000
	// maxUnknown is the number of entries a minute for actions of clients without a valid token.
	maxUnknown = 60
	// maxAuditText is the largest number of characters of a target or reason.
	maxAuditText = 500
)

// auditTrail stores entries in PostgreSQL. While it is unavailable, they are in the log and in
// memory, and stored later.
type auditTrail struct {
	store Audit
	log   zerolog.Logger

	mu      sync.Mutex
	pending []ledger.AuditEntry
	minute  time.Time // of the last entry of an unknown client
	unknown int       // entries of unknown clients in that minute
}

type auditKey struct{}

// action is the audit entry of a request that is handled.
type action struct {
	ledger.AuditEntry
	record func() // records the entry once
}

// accept records that the action was accepted, for a handler that waits for its effect.
func (a *action) accept() {
	a.Status = http.StatusAccepted
	a.record()
}

// withAudit records an action with its answer, whether it is accepted or refused. The handler adds
// details to the entry of auditOf.
func (g *Gateway) withAudit(name string, handle handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if g.trail.isFull() {
			return unavailable("actions are refused, because the audit trail cannot be stored: the database is unavailable", nil)
		}
		entry := g.newEntry(r, name)
		seen := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		entry.Status = http.StatusInternalServerError // of a handler that panics
		entry.record = sync.OnceFunc(func() { g.trail.record(r.Context(), entry.AuditEntry) })
		defer entry.record()
		err := handle(seen, r.WithContext(context.WithValue(r.Context(), auditKey{}, entry)))
		entry.Status = seen.status
		if err != nil {
			p := asProblem(err)
			entry.Status, entry.Problem = p.Status, strings.TrimPrefix(p.Type, problemPrefix)
		}
		return err
	}
}

// auditOf returns the entry of a request that is an action.
func auditOf(r *http.Request) *action {
	if entry, ok := r.Context().Value(auditKey{}).(*action); ok {
		return entry
	}
	return &action{record: func() {}}
}

func (g *Gateway) newEntry(r *http.Request, name string) *action {
	entry := &action{AuditEntry: ledger.AuditEntry{
		ID: rand.Text(), At: g.Now().UTC(), Action: name,
		Target: r.PathValue("workflowId") + r.PathValue("scheduleId") + r.PathValue("sequence"), // a path has one of them
	}}
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		entry.Remote = host
	}
	if who, known := g.client(r); known {
		entry.Actor, entry.Role = who.Name, string(who.Role)
	} else if len(g.Tokens) == 0 {
		entry.Role = string(Operator)
	}
	return entry
}

func (a *auditTrail) isFull() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.pending) >= maxPending
}

// record logs an entry and stores it, now or later. It ignores that the client disconnects.
func (a *auditTrail) record(ctx context.Context, e ledger.AuditEntry) {
	if e.Role == "" && !a.allowUnknown(e.At) {
		return
	}
	e.Target, e.Reason = auditText(e.Target), auditText(e.Reason)
	a.mu.Lock()
	late := len(a.pending) > 0
	a.mu.Unlock()
	var err error
	if !late {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), auditTimeout)
		defer cancel()
		err = a.store.RecordAction(ctx, e)
	}
	if late || err != nil {
		a.mu.Lock()
		a.pending = append(a.pending, e)
		a.mu.Unlock()
		logAction(a.log.Warn().Err(err), e, ", not in the audit trail yet, retrying")
		return
	}
	logAction(a.log.Info(), e, "")
}

// allowUnknown counts the entries of clients without a valid token, so that they cannot fill the
// table and the log.
func (a *auditTrail) allowUnknown(now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if minute := now.Truncate(time.Minute); minute != a.minute {
		a.minute, a.unknown = minute, 0
	}
	a.unknown++
	if a.unknown == maxUnknown+1 {
		a.log.Warn().Int("limit", maxUnknown).Msg("too many actions without a valid token, the audit trail leaves out the rest of this minute")
	}
	return a.unknown <= maxUnknown
}

func logAction(line *zerolog.Event, e ledger.AuditEntry, more string) {
	outcome := "action accepted"
	if e.Refused() {
		outcome = "action refused"
	}
	line.Str("action", e.Action).Str("actor", e.Actor).Str("role", e.Role).Str("target", e.Target).Stringer("tenant", e.TenantID).
		Str("request_id", e.RequestID).Str("reason", e.Reason).Int("status", e.Status).Str("problem", e.Problem).Str("remote", e.Remote).
		Msg(outcome + more)
}

// retry stores pending entries until ctx ends, and then once more.
func (a *auditTrail) retry(ctx context.Context) {
	tick := time.NewTicker(auditRetry)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C:
			a.flush(ctx)
		}
	}
	a.flush(context.WithoutCancel(ctx))
	a.mu.Lock()
	defer a.mu.Unlock()
	if n := len(a.pending); n > 0 {
		a.log.Error().Int("entries", n).Msg("the audit trail lacks actions that this log has, because PostgreSQL was unavailable until the gateway stopped")
	}
}

// flush stores pending entries in their order until one fails.
func (a *auditTrail) flush(ctx context.Context) {
	for {
		a.mu.Lock()
		list := slices.Clone(a.pending)
		a.mu.Unlock()
		for i, e := range list {
			ctx, cancel := context.WithTimeout(ctx, auditTimeout)
			err := a.store.RecordAction(ctx, e)
			cancel()
			if err != nil {
				list = list[:i]
				break
			}
		}
		a.mu.Lock()
		a.pending = slices.Delete(a.pending, 0, len(list))
		rest := len(a.pending)
		a.mu.Unlock()
		if len(list) == 0 {
			return
		}
		if rest == 0 {
			a.log.Info().Int("entries", len(list)).Msg("actions stored in the audit trail")
			return
		}
	}
}

// auditText returns a text that PostgreSQL and a terminal accept, of bounded length.
func auditText(s string) string {
	runes := []rune(display.Shorten(strings.ToValidUTF8(s, "\uFFFD"), maxAuditText))
	for i, r := range runes {
		if r < ' ' || r == 0x7F {
			runes[i] = '\uFFFD'
		}
	}
	return string(runes)
}
