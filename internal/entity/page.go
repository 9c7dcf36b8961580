package entity

import "time"

// Cursor says which page of an entity to ask for next. The client makes and
// reads it; other packages only pass it on. It is stored as JSON beside the
// rows it follows.
type Cursor struct {
	Feed Feed `json:"feed"`

	// Export feed: the continueFrom of the last answer. While it is empty the
	// feed is read from Since, or from the beginning where Since is zero too.
	Token string `json:"token,omitempty"`

	// List: the window [Since, Before) and the number of the next page.
	// A zero bound is no bound.
	Since  time.Time `json:"since,omitzero"`
	Before time.Time `json:"before,omitzero"`
	Page   int       `json:"page,omitempty"`

	// List of several pages: when its first page was asked for, how many records
	// it held then (-1 unknown), and how often it was read already.
	FirstPageAt time.Time `json:"began,omitzero"`
	Total       int       `json:"total,omitempty"`
	Round       int       `json:"round,omitempty"`

	LoopGuard LoopGuard `json:"trail,omitzero"`
}

// LoopGuard is what the client remembers of earlier pages of a listing, to detect one that
// never ends. Its JSON names are stored and stay.
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

// Feed says which of an entity's two listings is read.
type Feed string

const (
	Export Feed = "export"
	List   Feed = "list"
)

// Start is the cursor at the beginning of the entity: of its export feed where
// there is one (it alone shows deleted records), else of its list.
func (e Entity) Start() Cursor {
	if e.Export != "" {
		return Cursor{Feed: Export}
	}
	return Cursor{Feed: List}
}

// Page is one answer of the API, split into records.
type Page struct {
	Records       []Record
	Rejected      []Rejected
	Next          Cursor    // asks for the following page; after the last page of an export feed it is the resume point
	Last          bool      // the listing ends here, for now
	Total         int       // records in the whole listing, -1 where the answer does not say
	Date          time.Time // the server's clock when it answered (header Date)
	Warnings      []string  // what people should know of the listing, though nothing failed
	Unstable      bool      // the list changed all the while: what was not seen need not be gone
	DamagedPlaces int       // places where the answer is damaged and may have had a record that it does not show
}

// Record is one record as received.
type Record struct {
	ID         string    // the key; digits only for Int64ID
	ModifiedOn time.Time // zero where the record has none; rounded down to microseconds
	Deleted    bool      // the feed says that the record is gone
	Raw        []byte    // the JSON object; it can be stored as jsonb
	Received   []byte    // the bytes as received, where Raw differs from them
}

// Rejected is a record that cannot be stored.
type Rejected struct {
	ID     string // "" where it has none
	Reason string // names the field, what it held and what is wanted
	Raw    []byte // as received
}
