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

// foldSecondPasses is how many parts the time to a second pass has: the webhooks of one
// part share a second pass per set of entities.
const foldSecondPasses = 10

// secondPasses are the requests that follow those of webhooks: a webhook tells of a
// change that the API may not show yet, so its entities are read once more later. They
// are recorded together with what they follow, and the reconciler starts them when
// their time has come. Their identity is the tenant, the time and the entities, so that
// a storm of webhooks asks for a handful.
func (b *Bridge) secondPasses(requests []ledger.Request) []ledger.Request {
	if b.SecondPass <= 0 {
		return nil
	}
	now := b.Now().UTC()
	part := b.SecondPass / foldSecondPasses
	due := now.Truncate(part).Add(part + b.SecondPass)
	var passes []ledger.Request
	known := map[string]bool{}
	for _, r := range requests {
		if r.Mode != events.Incremental || !strings.HasPrefix(r.Source, ledger.WebhookSource) {
			continue
		}
		pass := secondPass(r, due)
		if known[pass.ID] {
			continue
		}
		known[pass.ID] = true
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
