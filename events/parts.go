package events

const (
	// MaxPartRequests is the maximum number of requests that one event names.
	MaxPartRequests = 500
	maxPartBytes    = 512 << 10 // half of MaxSize; the rest of the event needs less
)

// SplitRequests splits the requests of a run into parts that each fit one event. It returns
// at least one part, also for a run whose requests were all withdrawn.
func SplitRequests(requests []RequestRef) [][]RequestRef {
	var parts [][]RequestRef
	start, size := 0, 0
	for i, r := range requests {
		// A byte takes at most six bytes in JSON; 64 bytes are for names and quotes.
		bytes := 64 + 6*(len(r.RequestID)+len(r.Source)+len(r.ID))
		if i-start == MaxPartRequests || (i > start && size+bytes > maxPartBytes) {
			parts = append(parts, requests[start:i])
			start, size = i, 0
		}
		size += bytes
	}
	return append(parts, requests[start:])
}
