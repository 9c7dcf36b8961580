package events

import (
	"crypto/sha256"
	"encoding/hex"
)

// RequestID is the identity of a request in one word: two events are the same
// request when their source and id are the same. Other programs may compute it
// too; schemas/testdata/request-id.json holds examples.
func RequestID(source, id string) string {
	return digest(source, id)[:20]
}

// MsgID is the Nats-Msg-Id of an event. JetStream compares it across a whole
// stream, so it is derived from everything that makes the event's identity.
func MsgID(source, id string) string {
	return "ce-" + digest(source, id)[:32]
}

func digest(source, id string) string {
	sum := sha256.Sum256([]byte(source + "\x00" + id))
	return hex.EncodeToString(sum[:])
}
