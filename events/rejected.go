package events

import (
	"errors"
	"time"
)

// ErrNoDeadLetter is returned when there is no dead letter at a sequence.
var ErrNoDeadLetter = errors.New("dead letter not found")

// RejectedMessage is a message in the dead-letter stream with the reason for its rejection.
type RejectedMessage struct {
	Sequence uint64    // in the dead-letter stream
	At       time.Time // when it was written
	Code     RejectCode
	Reason   string
	Attempts uint64
	Message  Message // the original: subject, headers, body and place
}
