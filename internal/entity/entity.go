package entity

import "strings"

// Entity is one kind of ServiceTitan record and everything there is to know
// about reading and storing it. The facts come from the vendor's OpenAPI files;
// docs/entities.md is generated from them.
type Entity struct {
	Name string // plural, snake case; also the table, raw.st_<Name>

	// Export is the path of the export feed, with {tenant}; "" where there is
	// none. ExportStates asks it for records of every state where it would hide some.
	Export       string
	ExportStates QueryParam

	// List is the path of the list, with {tenant}; "" where there is none that can
	// be read without knowing a parent or the ids.
	List      string
	Shape     Shape      // what surrounds the records
	Unpaged   bool       // everything comes at once: there are no parameters page and pageSize
	ZeroBased bool       // the first page is 0, not 1
	PageSize  int        // the largest page the list serves; 0 means MaxPageSize
	Totals    Totals     // whether the list counts its records
	States    QueryParam // asks for records of every state, zero where the list has no such filter
	Filter    Filter     // how the list is asked for what changed
	Sort      string     // value of the parameter sort that orders by id, "" where there is none
	IDs       bool       // the list takes ids=1,2,3, at most MaxIDs

	Key        Key
	KeyFields  []string // fields that identify a record, id where none is named; several are joined with "/"
	Inactive   Meaning  // what active=false in the export feed says
	GoneStatus string   // the value of the field status that says that the record is gone
	Scope      string   // what the app must be granted to read it
	// Webhooks lists the event types whose deliveries trigger an incremental sync of the
	// entity, by their first word in lower case: "invoice" stands for invoice.updated.
	Webhooks []string
	Columns  []Column
}

// Table is the name of the entity's table in schema raw.
func (e Entity) Table() string { return "st_" + e.Name }

// Identity lists the fields that identify a record.
func (e Entity) Identity() []string {
	if len(e.KeyFields) == 0 {
		return []string{"id"}
	}
	return e.KeyFields
}

// CanLookUp says whether a row that a whole read of the entity did not find can be asked
// for by its id. What is read from a feed is not: its list shows no deleted records, and
// records of another form.
func (e Entity) CanLookUp() bool { return e.Export == "" && e.IDs }

// FirstPage is the number of the list's first page.
func (e Entity) FirstPage() int {
	if e.ZeroBased {
		return 0
	}
	return 1
}

// LargestPage is how many records the list serves at once.
func (e Entity) LargestPage() int {
	if e.PageSize == 0 {
		return MaxPageSize
	}
	return e.PageSize
}

// DeletionDetection returns how deleted records are detected, for people; "" if ServiceTitan
// only deactivates.
func (e Entity) DeletionDetection() string {
	switch {
	case e.CanLookUp():
		return "looked up"
	case e.Export == "":
		return "missed twice"
	case e.GoneStatus != "":
		return "status " + e.GoneStatus
	case e.Inactive == Deleted:
		return "inactive"
	}
	return ""
}

// Tracks says what an incremental sync of the entity sees.
func (e Entity) Tracks() Tracking {
	switch {
	case e.Export != "":
		return FeedChanges
	case e.Filter.From == "":
		return WholeList
	case strings.HasPrefix(e.Filter.From, "modified"):
		return Changes
	}
	return Additions
}

// Tracking is what an incremental sync sees of an entity.
type Tracking string

const (
	FeedChanges Tracking = "feed"       // whatever the export feed brings since its last token
	Changes     Tracking = "changes"    // records modified in a window
	Additions   Tracking = "additions"  // records made in a window: edits wait for the next full sync
	WholeList   Tracking = "whole list" // everything, each time: the list has no usable filter
)

// QueryParam is one query parameter with its value.
type QueryParam struct{ Name, Value string }

// Filter names the list's query parameters for a window of change: From is
// inclusive, Before exclusive and "" where there is none. Zero where the list has none.
type Filter struct {
	From, Before string
	Required     bool // the list refuses to be read without From
}

// Shape is what surrounds the records of a list's answer.
type Shape int

const (
	Pages Shape = iota // an object with page, pageSize, hasMore, totalCount and data
	Data               // an object with data and without hasMore: a page that is not full is the last
	Array              // nothing, the answer is an array
)

// Totals says when a list counts its records, by the parameter includeTotal.
type Totals int

const (
	TotalOnRequest Totals = iota // where it is asked to
	TotalAlways                  // it refuses to be read without counting
	TotalNever                   // there is no such parameter
)

// Key says how the identity of a record within its tenant is stored.
type Key int

const (
	Int64ID Key = iota // one JSON integer, stored as bigint
	TextID             // a GUID, another text, or several fields
)

// Meaning says what active=false in an export feed means for the record.
type Meaning int

const (
	Deactivated Meaning = iota // the record still exists: it is kept live, with active=false
	Deleted                    // the record is gone: deleted_at is set
)

// Column is a typed column beside full_data. A value that does not fit its
// type is stored as NULL.
type Column struct {
	Name string     // of the column
	Path string     // in the record, dots between levels: "status.name"
	Type ColumnType // one of the constants below
}

// ColumnType is a PostgreSQL type that a column may have.
type ColumnType string

const (
	Text        ColumnType = "text"
	Bigint      ColumnType = "bigint"
	Numeric     ColumnType = "numeric" // reads JSON numbers and JSON strings alike
	Boolean     ColumnType = "boolean"
	Timestamptz ColumnType = "timestamptz"
)

// MaxPageSize is the largest page ServiceTitan's lists serve unless the
// catalogue says less. Source: partnerapis.servicetitan.io, "Timeouts and pagination".
const MaxPageSize = 5000

// MaxIDs is how many ids a list takes at once. Source: the OpenAPI files, parameter ids.
const MaxIDs = 50
