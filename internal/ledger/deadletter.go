package ledger

import "time"

// DeadLetterKey identifies a dead letter. A dead-letter stream that is recreated assigns the same
// sequences again.
type DeadLetterKey struct {
	Sequence   uint64
	RejectedAt time.Time // when the stream stored it
}

// Normalized returns the key with the resolution of PostgreSQL's time, for use in maps.
func (k DeadLetterKey) Normalized() DeadLetterKey {
	k.RejectedAt = k.RejectedAt.UTC().Truncate(time.Microsecond)
	return k
}

// Handling is what somebody did with a dead letter. A dead letter is open until it is dismissed or
// replayed.
type Handling struct {
	Dismissal *Dismissal // nil if it is not dismissed
	Replay    *Replay    // the latest; nil if there is none
}

// Dismissal says who dismissed a dead letter, when and why.
type Dismissal struct {
	At     time.Time
	Actor  string
	Reason string
}

// Replay says who replayed a dead letter, when, and which message that published.
type Replay struct {
	At       time.Time
	Actor    string
	Stream   string
	Sequence uint64
}
