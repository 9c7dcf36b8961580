package events

const (
	// MaxPartRequests is how many requests one event names.
	MaxPartRequests = 500
	maxPartBytes    = 512 << 10 // leaves half of MaxSize to the rest of the event
)

// SplitRequests cuts the requests of an event into numbered parts that each fit
// one event. There is always at least one part: a run whose requests were all withdrawn
// is told of too.
func SplitRequests(requests []RequestRef) [][]RequestRef {
	var parts [][]RequestRef
	start, size := 0, 0
	for i, r := range requests {
		// JSON writes a byte as six at most; 64 are for names and quotes.
		bytes := 64 + 6*(len(r.RequestID)+len(r.Source)+len(r.ID))
		if i-start == MaxPartRequests || (i > start && size+bytes > maxPartBytes) {
			parts = append(parts, requests[start:i])
			start, size = i, 0
		}
		size += bytes
	}
	return append(parts, requests[start:])
}
