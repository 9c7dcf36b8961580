package memory

import (
	"maps"
	"sync"
	"time"

	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
)

// Database is what PostgreSQL stores: requests, controls, runs, positions and rows. Several Ledgers may
// use it. It is safe for concurrent use.
type Database struct {
	// Now is the clock of the database. Default: time.Now.
	Now func() time.Time

	// Misses are the ids of rows that full reads and rebuilds report as missing, and that verifies
	// report as extra, by entity.
	Misses map[string][]string
	// Held is the stall of every entity.
	Held ledger.Stall

	mu        sync.Mutex
	last      time.Time // that the clock returned
	state     state
	rows      map[table]map[string]row
	staged    map[place][]entity.Record // that a rebuild or a verify has read
	toLookUp  map[place][]string        // ids
	confirmed int64                     // differences that lookups of verifies confirmed
}

// state is what a transaction may change before it fails. Its maps have values, not pointers, and the
// slices in them are never changed, so that a clone is independent.
type state struct {
	requests  map[string]ledger.Request
	controls  map[string]control
	runs      map[int64]run
	positions map[place]position
	resume    map[table]resumePoint
	number    int64 // the last run number; a transaction that fails does not give it back
}

// control is a row of raw.sync_controls.
type control struct {
	ledger.Control
	settledAt time.Time // zero while it is pending
	signalled bool      // its signal may have been sent

	repeatedSequence uint64 // of the last message that repeated it before it was rejected and answered
}

// run is a row of raw.sync_runs. Requests, RequestCount and RequestedBy are those of the requests.
type run struct {
	ledger.Run
	pauseNumber   int   // of the last pause or resume
	withdrawnFrom int64 // the run that served the withdrawn request before
}

// NewDatabase returns a database without rows.
func NewDatabase() *Database {
	return &Database{
		state: state{
			requests: map[string]ledger.Request{}, controls: map[string]control{}, runs: map[int64]run{},
			positions: map[place]position{}, resume: map[table]resumePoint{},
		},
		rows: map[table]map[string]row{}, staged: map[place][]entity.Record{}, toLookUp: map[place][]string{},
	}
}

func (s state) clone() state {
	s.requests, s.controls, s.runs = maps.Clone(s.requests), maps.Clone(s.controls), maps.Clone(s.runs)
	s.positions, s.resume = maps.Clone(s.positions), maps.Clone(s.resume)
	return s
}

// Snapshot is an earlier state of a ledger.
type Snapshot struct{ state state }

// Snapshot returns the current state of the ledger. The rows of tables are not part of it.
func (d *Database) Snapshot() Snapshot {
	d.mu.Lock()
	defer d.mu.Unlock()
	return Snapshot{d.state.clone()}
}

// Restore brings back an earlier state of the ledger, as from a backup.
func (d *Database) Restore(s Snapshot) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.state = s.state.clone()
}

// transact carries out a transaction: after an error nothing is changed.
func (d *Database) transact(do func() error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	before := d.state.clone()
	err := do()
	if err != nil {
		before.number = d.state.number
		d.state = before
	}
	return err
}

// now returns the time of the clock in microseconds, always later than before.
func (d *Database) now() time.Time {
	now := time.Now
	if d.Now != nil {
		now = d.Now
	}
	at := now().Truncate(time.Microsecond)
	if !at.After(d.last) {
		at = d.last.Add(time.Microsecond)
	}
	d.last = at
	return at
}

// isOlder reports whether a time is longer ago than an age.
func (d *Database) isOlder(t time.Time, age time.Duration) bool { return t.Before(d.now().Add(-age)) }

// Ledger is a connection to a Database. It implements the ledger of the bridge and of the activities.
type Ledger struct {
	*Database
	Call Call
}

func (l *Ledger) write(method, detail string, do func() error) error {
	return l.Call.run(Op{Method: method, Detail: detail}, func() error { return l.transact(do) })
}

func (l *Ledger) read(method, detail string, do func() error) error {
	return l.Call.run(Op{Method: method, Detail: detail, Reads: true}, func() error {
		l.mu.Lock()
		defer l.mu.Unlock()
		return do()
	})
}
