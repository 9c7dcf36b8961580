package stream

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/display"
)

const (
	// maxHeader is the maximum size of the headers of a message, in bytes. The server stores at most
	// 64 KiB.
	maxHeader = 63 << 10
	// maxReason is the maximum length of the reason in the header of a dead letter, in bytes.
	maxReason = 4 << 10
)

// deadLetterHeader returns the headers of a dead letter: its own, and those of the message. The names of
// some become longer, so that they may exceed what the server stores. Then those that determine the event
// are kept, and of the others the shortest; a header has the number of those omitted.
func deadLetterHeader(m events.Message, why events.Rejection, attempts uint64) nats.Header {
	header := nats.Header{}
	header.Set(jetstream.MsgIDHeader, deadLetterID(m))
	header.Set(headerCode, string(why.Code))
	header.Set(headerReason, display.Truncate(oneLine(why.Reason), maxReason))
	header.Set(headerAttempts, strconv.FormatUint(attempts, 10))
	header.Set(headerStream, m.Stream)
	header.Set(headerSequence, strconv.FormatUint(m.Sequence, 10))
	header.Set(headerStored, m.Stored.UTC().Format(time.RFC3339Nano))
	room := maxHeader
	for name, values := range header {
		room -= headerSize(name, values)
	}
	omitted := 0
	for _, name := range byImportance(m.Header) {
		values := m.Header[name]
		if isReserved(name) {
			name = headerOriginal + name
		}
		size := headerSize(name, values)
		if size > room {
			omitted++
			continue
		}
		room -= size
		header[name] = values
	}
	if omitted > 0 {
		header.Set(headerOmitted, strconv.Itoa(omitted))
	}
	return header
}

// byImportance returns the names of headers: first those that determine the event, then the others by
// size.
func byImportance(header map[string][]string) []string {
	rank := func(name string) int {
		switch lower := strings.ToLower(name); {
		case lower == "content-type", lower == "nats-msg-id", lower == strings.ToLower(events.HeaderFirstStored), strings.HasPrefix(lower, "ce-"):
			return 0
		}
		return 1
	}
	return slices.SortedFunc(maps.Keys(header), func(a, b string) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(headerSize(a, header[a]), headerSize(b, header[b])), cmp.Compare(a, b))
	})
}

// headerSize returns the size of a header with its values in a message, in bytes.
func headerSize(name string, values []string) (size int) {
	for _, value := range values {
		size += len(name) + len(": ") + len(value) + len("\r\n")
	}
	return size
}
