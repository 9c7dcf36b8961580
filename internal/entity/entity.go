package entity

import "strings"

// Entity describes one kind of ServiceTitan record, and how it is read and stored. Source of the
// facts: the vendor's OpenAPI files. docs/entities.md is generated from the catalogue.
type Entity struct {
	Name string // plural, snake case; also the table, raw.st_<Name>

	// Export is the path of the export feed, with {tenant}; "" if there is none. ExportStates
	// is the parameter that includes records of every state, zero if the feed needs none.
	Export       string
	ExportStates QueryParam

	// List is the path of the list, with {tenant}; "" if there is none that can be read
	// without the id of a parent or of the records.
	List      string
	Shape     Shape      // JSON around the records
	Unpaged   bool       // the list has no parameters page and pageSize and returns all records
	ZeroBased bool       // the first page is 0, not 1
	PageSize  int        // maximum page size of the list; default MaxPageSize
	Totals    Totals     // whether the list counts its records
	States    QueryParam // includes records of every state, zero if the list has no such filter
	Filter    Filter     // filter of the list for changed records
	Sort      string     // value of the parameter sort that orders by id, "" if there is none
	IDs       bool       // the list takes ids=1,2,3, at most MaxIDs

	// ListDiffers says that the records of the list have other fields than those of the export feed,
	// beside an active that only the feed has.
	ListDiffers bool

	Key        Key
	KeyFields  []string // fields that identify a record, joined with "/"; default id
	Inactive   Meaning  // meaning of active=false in the export feed
	GoneStatus string   // value of the field status of a deleted record
	Scope      string   // OAuth scope that the app needs
	// Webhooks lists the event types whose deliveries trigger an incremental sync of the
	// entity, by their first word in lower case: "invoice" matches invoice.updated.
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

// CanLookUp reports whether a row that a full read did not find can be looked up by id. It is
// false for an entity with a feed: its list omits deleted records and has another record form.
func (e Entity) CanLookUp() bool { return e.Export == "" && e.IDs }

// IsCountable reports whether the list returns the number of its records.
func (e Entity) IsCountable() bool {
	return e.List != "" && !e.Unpaged && e.Shape == Pages && e.Totals != TotalNever
}

// RefreshesByID reports whether chosen records can be read by their ids and stored: the list takes
// ids, and its records are like those that the table has.
func (e Entity) RefreshesByID() bool { return e.List != "" && e.IDs && !e.ListDiffers }

// RefreshesSince reports whether the records that changed since any time can be read.
func (e Entity) RefreshesSince() bool { return e.Tracks() == FeedChanges || e.Tracks() == Changes }

// ActiveOnlyInFeed reports whether records have the field active in the export feed alone, where
// false means deleted: the list shows no deleted records.
func (e Entity) ActiveOnlyInFeed() bool { return e.Export != "" && e.Inactive == Deleted }

// FirstPage returns the number of the list's first page.
func (e Entity) FirstPage() int {
	if e.ZeroBased {
		return 0
	}
	return 1
}

// LargestPage returns the maximum number of records of a page of the list.
func (e Entity) LargestPage() int {
	if e.PageSize == 0 {
		return MaxPageSize
	}
	return e.PageSize
}

// DeletionDetection describes how deleted records are detected; "" if ServiceTitan only
// deactivates them.
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

// Tracks returns what an incremental sync of the entity sees.
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
	FeedChanges Tracking = "feed"       // everything in the export feed since its last token
	Changes     Tracking = "changes"    // records modified in a window
	Additions   Tracking = "additions"  // records created in a window; edits wait for a full sync
	WholeList   Tracking = "whole list" // every record: the list has no usable filter
)

// QueryParam is one query parameter with its value.
type QueryParam struct{ Name, Value string }

// Filter names the list's query parameters for a time window. From is inclusive; Before is
// exclusive and may be "". The zero value is no filter.
type Filter struct {
	From, Before string
	Required     bool // the list requires From
}

// Shape is the JSON around the records in the response of a list.
type Shape int

const (
	Pages Shape = iota // an object with page, pageSize, hasMore, totalCount and data
	Data               // an object with data but no hasMore: the last page is the first that is not full
	Array              // an array of records
)

// Totals is when a list returns the number of its records (parameter includeTotal).
type Totals int

const (
	TotalOnRequest Totals = iota // on request
	TotalAlways                  // always: the list requires the parameter
	TotalNever                   // never: the list has no such parameter
)

// Key is how the identity of a record within its tenant is stored.
type Key int

const (
	Int64ID Key = iota // one JSON integer, stored as bigint
	TextID             // a GUID, another text, or several fields
)

// Meaning is the meaning of active=false in an export feed.
type Meaning int

const (
	Deactivated Meaning = iota // the record exists; its row has active=false
	Deleted                    // the record is deleted; its row has deleted_at
)

// Column is a typed column beside full_data. A value that cannot be cast to its type is stored
// as NULL.
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

// MaxPageSize is the default maximum page size of ServiceTitan's lists. Source:
// partnerapis.servicetitan.io, "Timeouts and pagination".
const MaxPageSize = 5000

// MaxIDs is the maximum number of ids in a request. Source: the OpenAPI files, parameter ids.
const MaxIDs = 50
