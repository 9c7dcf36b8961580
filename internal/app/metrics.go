package app

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/lazi/lazisync/internal/config"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/metrics"
	"github.com/lazi/lazisync/internal/stream"
)

// tenants lists the tenants whose series exist from the start.
func tenants(cfg *config.Config) (list []metrics.Tenant) {
	for _, t := range cfg.Tenants {
		list = append(list, metrics.Tenant{ID: string(t.ID), Entities: t.Entities})
	}
	return list
}

// gauges returns the gauges of the role: the backlog of the consumers that it reads and, in
// the bridge, those of the ledger and the streams.
func (p *process) gauges() *metrics.Gauges {
	sources := metrics.GaugeSources{Tenants: tenants(p.cfg)}
	if p.role.includes(BridgeRole) {
		sources.Ledger, sources.DeadLetters, sources.Streams = p.store.Gauges, p.openDeadLetters, true
	}
	if len(p.role.Consumers) > 0 {
		sources.Backlog = p.backlog
	}
	return metrics.NewGauges(p.metrics, sources)
}

func (p *process) backlog(ctx context.Context) (metrics.Backlog, error) {
	b := metrics.Backlog{Pending: map[string]uint64{}, Bytes: map[string]uint64{}, MaxBytes: map[string]uint64{}}
	states, err := p.stream.Streams(ctx, p.role.Consumers...)
	for _, s := range states {
		b.Bytes[s.Name] = s.Bytes
		if s.MaxBytes > 0 {
			b.MaxBytes[s.Name] = uint64(s.MaxBytes)
		}
		for _, c := range s.Consumers {
			if slices.Contains(p.role.Consumers, c.Name) {
				b.Pending[c.Name] = c.Pending + uint64(c.AckPending)
			}
		}
	}
	return b, err
}

// openDeadLetters returns the number of dead letters that are neither dismissed nor replayed.
func (p *process) openDeadLetters(ctx context.Context) (uint64, error) {
	states, err := p.stream.Streams(ctx)
	i := slices.IndexFunc(states, func(s stream.StreamState) bool { return s.Name == stream.StreamDeadLetter })
	if i < 0 {
		return 0, cmp.Or(err, errors.New("the dead-letter stream does not exist"))
	}
	s := states[i]
	handled, err := p.store.CountHandled(ctx, ledger.DeadLetterKey{Sequence: s.FirstSequence, RejectedAt: s.FirstStored})
	return s.Messages - min(handled, s.Messages), err
}
