package entity

import "time"

// Cursor is the position of the next page of an entity. Only the client creates and interprets
// it; other packages pass it on. It is stored as JSON together with the rows before it.
type Cursor struct {
	Feed Feed `json:"feed"`

	// Export feed: continueFrom of the last response. If empty, the feed is read from Since,
	// or from the beginning if Since is zero.
	Token string `json:"token,omitempty"`

	// List: the window [Since, Before), in which zero is no bound, and the number of the next
	// page.
	Since  time.Time `json:"since,omitzero"`
	Before time.Time `json:"before,omitzero"`
	Page   int       `json:"page,omitempty"`

	// List of several pages: the time of the request for its first page, the number of
	// records then (-1 if unknown), and the number of finished reads of the list.
	FirstPageAt time.Time `json:"began,omitzero"`
	Total       int       `json:"total,omitempty"`
	Round       int       `json:"round,omitempty"`

	LoopGuard LoopGuard `json:"trail,omitzero"`
}

// LoopGuard has facts about earlier pages of a listing, to detect a listing that never ends. Its
// JSON names are stored and must not change.
type LoopGuard struct {
	// Pages counts the pages read. EmptyPages counts the latest consecutive pages of an
	// export feed without records; Token is a continuation token that an earlier page of it
	// ended with.
	Pages      int    `json:"steps,omitempty"`
	EmptyPages int    `json:"empty,omitempty"`
	Token      string `json:"mark,omitempty"`

	// ByDate reports that the export feed refused a token and is read by date instead. It
	// prevents the client from doing so over and over.
	ByDate bool `json:"byDate,omitempty"`

	// SinceReset is the page count at which Records and Sketch were last reset. Records
	// counts the records received since then, and Sketch estimates how many of them were
	// distinct: a listing that repeats itself has few distinct ones, a long listing many.
	SinceReset int    `json:"since,omitempty"`
	Records    int    `json:"came,omitempty"`
	Sketch     string `json:"sketch,omitempty"`

	// Fingerprint identifies the records of the last page of a list.
	Fingerprint string `json:"print,omitempty"`
}

// Feed is the listing of an entity that is read: export feed or list.
type Feed string

const (
	Export Feed = "export"
	List   Feed = "list"
)

// Start returns the cursor at the beginning of the entity's export feed, which alone includes
// deleted records, or of its list if there is no feed.
func (e Entity) Start() Cursor {
	if e.Export != "" {
		return Cursor{Feed: Export}
	}
	return Cursor{Feed: List}
}

// Page is one response of the API, split into records.
type Page struct {
	Records       []Record
	Rejected      []Rejected
	Next          Cursor    // of the following page; after the last page of an export feed, the resume point
	Last          bool      // the listing ends here
	Total         int       // records in the whole listing, -1 if unknown
	Date          time.Time // the server's clock when it answered (header Date)
	Fields        []string  // paths of the fields that the records have, sorted, without values; see OtherFields
	FieldPolicy   string    // digest of the field policy that was applied to the records, "" for none
	Warnings      []string  // for the outcome of the run
	Unstable      bool      // the list changed during every read: a missing record may still exist
	DamagedPlaces int       // damaged places in the response, each of which may hide a record

	release func() // nil if nothing waits for the memory of the page
}

// OtherFields replaces in a path the names that are not kept, since they may be data: externalData.* are
// all fields of externalData.
const OtherFields = "*"

// MaxFields bounds the fields of an entity whose names are kept.
const MaxFields = 500

// WithRelease returns the page with a function that Release calls.
func (p Page) WithRelease(release func()) Page {
	p.release = release
	return p
}

// Release reports that the caller does not need the page any more, so that another one may be read in
// its place. Further calls have no effect.
func (p Page) Release() {
	if p.release != nil {
		p.release()
	}
}

// Record is one record as received.
type Record struct {
	ID         string    // the key; digits only for Int64ID
	ModifiedOn time.Time // zero where the record has none; rounded down to microseconds
	Deleted    bool      // in ServiceTitan
	Raw        []byte    // the JSON object, valid as jsonb
	Received   []byte    // the bytes as received if Raw differs, else nil
}

// Rejected is a record that cannot be stored.
type Rejected struct {
	ID     string // "" if it has none
	Reason string // the field, its value and the expected value
	Raw    []byte // as received
}
