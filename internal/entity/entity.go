package entity

// Entity is one kind of ServiceTitan record and everything there is to know
// about reading and storing it. The facts come from the vendor's OpenAPI files;
// docs/entities.md is generated from them.
type Entity struct {
	Name   string // plural, snake case; also the table, raw.st_<Name>
	List   string // path of the list, with {tenant}; "" where there is only a feed
	Export string // path of the export feed, with {tenant}; "" where there is none

	PageSize int        // the largest page the list serves
	States   QueryParam // asks the list for records of every state, zero where it has no such filter
	Filter   Filter     // how the list is asked for what changed
	Sort     string     // value of the list's sort parameter, "" where it has none

	Key      Key
	Inactive Meaning // what active=false in the export feed says
	Scope    string  // what the app must be granted to read it
	Columns  []Column
}

// Table is the name of the entity's table in schema raw.
func (e Entity) Table() string { return "st_" + e.Name }

// QueryParam is one query parameter with its value.
type QueryParam struct{ Name, Value string }

// Filter names the list's query parameters for a window of change:
// From is inclusive, Before exclusive. Zero where the list has none.
type Filter struct{ From, Before string }

// Key says what identifies a record within its tenant.
type Key int

const (
	Int64ID Key = iota // id is a JSON integer, stored as bigint
	TextID             // id is a GUID or another text
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
