package events

import (
	"crypto/sha256"
	"encoding/hex"
)

// RequestID returns the ID of a request, 20 hexadecimal digits derived from its identity:
// two events are the same request if their source and id are equal. Other programs can
// compute it too; schemas/testdata/request-id.json has examples.
func RequestID(source, id string) string {
	return digest(source, id)[:20]
}

// MsgID returns the Nats-Msg-Id of an event. JetStream compares it across all subjects of a
// stream, so it is derived from the whole identity of the event.
func MsgID(source, id string) string {
	return "ce-" + digest(source, id)[:32]
}

func digest(source, id string) string {
	sum := sha256.Sum256([]byte(source + "\x00" + id))
	return hex.EncodeToString(sum[:])
}
