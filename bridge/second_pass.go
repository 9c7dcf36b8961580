package bridge

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// secondPassSlots is how many slots Options.SecondPass is divided into. Webhooks of one slot
// with the same entities share one second pass.
const secondPassSlots = 10

// secondPasses returns the requests that follow those of webhooks: a webhook reports a
// change that the API may not show yet, so that its entities are read once more later. They
// are recorded together with the requests that they follow, and the reconciler starts them
// when they are due. Their identity is the tenant, the time and the entities, so that many
// webhooks cause only a few second passes.
func (b *Bridge) secondPasses(requests []ledger.Request) []ledger.Request {
	if b.SecondPass <= 0 {
		return nil
	}
	now := b.Now().UTC()
	slot := b.SecondPass / secondPassSlots
	due := now.Truncate(slot).Add(slot + b.SecondPass)
	var passes []ledger.Request
	seen := map[string]bool{}
	for _, r := range requests {
		if r.Mode != events.Incremental || !strings.HasPrefix(r.Source, ledger.WebhookSource) {
			continue
		}
		pass := secondPass(r, due)
		if seen[pass.ID] {
			continue
		}
		seen[pass.ID] = true
		pass.ReceivedAt, pass.Wait = due, due.Sub(now)
		passes = append(passes, pass)
	}
	return passes
}

func secondPass(r ledger.Request, due time.Time) ledger.Request {
	sum := sha256.Sum256([]byte(strings.Join(r.Entities, ",")))
	entities := hex.EncodeToString(sum[:6])
	id := fmt.Sprintf("%s-%s-%s", r.TenantID, due.Format(time.RFC3339Nano), entities)
	return ledger.Request{
		ID: events.RequestID(ledger.SecondPassSource, id), Source: ledger.SecondPassSource, EventID: id, Digest: entities,
		TenantID: r.TenantID, Mode: r.Mode, Entities: r.Entities, Channel: r.Channel, Reason: "second pass after webhooks",
		State: ledger.Received, WorkflowID: r.WorkflowID,
	}
}
