package memory

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// Receive records requests and returns one receipt per request, in order.
func (l *Ledger) Receive(_ context.Context, requests []ledger.Request) (receipts []ledger.Receipt, err error) {
	for _, q := range requests {
		if _, err := events.ParseTenantID(string(q.TenantID)); err != nil {
			return nil, fmt.Errorf("receive request %s: tenant ID: %w", q.ID, err)
		}
	}
	err = l.write("Receive", fmt.Sprint(len(requests)), func() error {
		isNew := l.insertRequests(requests)
		receipts = make([]ledger.Receipt, len(requests))
		for i, q := range requests {
			r := l.receipt(q.ID)
			r.Repeated = !isNew[q.ID]
			isNew[q.ID] = false
			r.Conflict = r.Digest != q.Digest && (r.Message == "" || r.Message != q.Message)
			receipts[i] = r
		}
		return nil
	})
	return receipts, err
}

// insertRequests inserts the requests that the ledger does not have, in the order of their IDs, and
// returns which are new.
func (l *Ledger) insertRequests(requests []ledger.Request) map[string]bool {
	first := map[string]ledger.Request{}
	for _, q := range requests {
		if _, again := first[q.ID]; !again {
			first[q.ID] = q
		}
	}
	isNew := map[string]bool{}
	for _, id := range slices.Sorted(maps.Keys(first)) {
		_, isRequest := l.state.requests[id]
		_, isControl := l.state.controls[id]
		if isRequest || isControl {
			continue
		}
		q := first[id]
		q.Channel, q.Reason = text(q.Channel), text(q.Reason)
		q.State, q.ReceivedAt, q.Wait = ledger.Received, l.now().Add(q.Wait), 0
		l.state.requests[id], isNew[id] = q, true
	}
	return isNew
}

// text returns a text without what PostgreSQL cannot store.
func text(s string) string { return ledger.Text(s) }

// receipt returns the request with an ID and its outcome; zero if there is none.
func (l *Ledger) receipt(id string) ledger.Receipt {
	r := ledger.Receipt{Request: l.state.requests[id]}
	if served, ok := l.state.runs[r.RunNumber]; ok && served.State != ledger.Running {
		r.Outcome = &ledger.Outcome{State: served.State, RunNumber: served.Number}
		for _, result := range served.Results {
			if result.Status == events.StatusSkipped {
				r.Outcome.Skipped = append(r.Outcome.Skipped, result.Entity)
			}
		}
	}
	return r
}

// Request reads one request with its outcome.
func (l *Ledger) Request(_ context.Context, id string) (receipt ledger.Receipt, err error) {
	err = l.read("Request", id, func() error {
		id = text(id)
		if _, ok := l.state.requests[id]; !ok {
			return fmt.Errorf("read request %q: %w", id, ledger.ErrUnknown)
		}
		receipt = l.receipt(id)
		return nil
	})
	return receipt, err
}

// Accept records that Temporal has workflows for requests.
func (l *Ledger) Accept(_ context.Context, firstRunIDs map[string]string) (accepted map[string]string, err error) {
	ids := slices.Sorted(maps.Keys(firstRunIDs))
	err = l.write("Accept", strings.Join(ids, ","), func() error {
		accepted = map[string]string{}
		for _, id := range ids {
			q, ok := l.state.requests[id]
			if !ok {
				continue
			}
			if q.State == ledger.Received {
				q.State, q.FirstRunID = ledger.Accepted, firstRunIDs[id]
				l.state.requests[id] = q
			}
			accepted[id] = q.FirstRunID
		}
		return nil
	})
	return accepted, err
}

// requestsWhere lists requests in the order in which they were received.
func (d *Database) requestsWhere(is func(ledger.Request) bool) (found []ledger.Request) {
	for _, q := range d.state.requests {
		if is(q) {
			found = append(found, q)
		}
	}
	slices.SortFunc(found, func(a, b ledger.Request) int {
		return cmp.Or(a.ReceivedAt.Compare(b.ReceivedAt), strings.Compare(a.ID, b.ID))
	})
	return found
}

// FindRequests finds the request with an ID, else at most two requests with an event id.
func (l *Ledger) FindRequests(_ context.Context, ref string) (found []ledger.Request, err error) {
	err = l.read("FindRequests", ref, func() error {
		ref = text(ref)
		if q, ok := l.state.requests[ref]; ok {
			found = []ledger.Request{q}
			return nil
		}
		found = l.requestsWhere(func(q ledger.Request) bool { return q.EventID == ref })
		found = found[:min(2, len(found))]
		return nil
	})
	return found, err
}

// Unstarted lists requests that Temporal may not know.
func (l *Ledger) Unstarted(_ context.Context, olderThan time.Duration) (found []ledger.Request, err error) {
	err = l.read("Unstarted", "", func() error {
		listed := map[events.TenantID]bool{} // an accepted request of the tenant
		found = l.requestsWhere(func(q ledger.Request) bool {
			unserved := q.State == ledger.Received || q.Mode.Info().PerTenant && q.RunNumber == 0
			unserved = unserved && !strings.HasPrefix(l.state.runs[q.RunNumber].FirstRunID, ledger.UnstartedPrefix)
			return l.isOlder(q.ReceivedAt, olderThan) && unserved ||
				q.State == ledger.Received && q.Source == ledger.SecondPassSource && !q.ReceivedAt.After(l.now())
		})
		found = slices.DeleteFunc(found, func(q ledger.Request) bool {
			again := q.State != ledger.Received && listed[q.TenantID]
			listed[q.TenantID] = listed[q.TenantID] || q.State != ledger.Received
			return again
		})
		return nil
	})
	return found, err
}

// AcceptedWithoutRun lists accepted requests of other modes than incremental without a run.
func (l *Ledger) AcceptedWithoutRun(_ context.Context, olderThan time.Duration) (found []ledger.Request, err error) {
	err = l.read("AcceptedWithoutRun", "", func() error {
		found = l.requestsWhere(func(q ledger.Request) bool {
			return l.isOlder(q.ReceivedAt, olderThan) && q.State == ledger.Accepted && !q.Mode.Info().PerTenant && q.RunNumber == 0
		})
		return nil
	})
	return found, err
}

// Workflow returns what the ledger knows about a workflow ID.
func (l *Ledger) Workflow(_ context.Context, workflowID string) (state ledger.WorkflowState, err error) {
	err = l.read("Workflow", workflowID, func() error {
		workflowID = text(workflowID)
		requests := l.requestsWhere(func(q ledger.Request) bool { return q.WorkflowID == workflowID })
		open := slices.ContainsFunc(requests, func(q ledger.Request) bool {
			return q.RunNumber == 0 || l.state.runs[q.RunNumber].State == ledger.Running
		})
		for _, r := range l.state.runs {
			open = open || r.WorkflowID == workflowID && r.State == ledger.Running
		}
		state = ledger.WorkflowState{Known: len(requests) > 0, Finished: len(requests) > 0 && !open}
		for _, q := range requests { // the oldest is the first
			state.LastRun = max(state.LastRun, q.RunNumber)
			if q.RunNumber == 0 && (q.State == ledger.Received || q.Mode.Info().PerTenant) && state.UnclaimedSince.IsZero() {
				state.UnclaimedSince = q.ReceivedAt
			}
		}
		return nil
	})
	return state, err
}
