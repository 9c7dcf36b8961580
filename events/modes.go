package events

import (
	"slices"
	"strings"
)

// Mode is the kind of a sync.
type Mode string

const (
	Full        Mode = "full"
	Incremental Mode = "incremental"
	Rebuild     Mode = "rebuild"
	Verify      Mode = "verify"
)

// ModeInfo is a row of the table of modes. Whatever differs only by these properties
// reads them here: the routes of the bridge and of the gateway, workflow IDs, the command
// line, Slack messages, the page, the JSON Schemas and the documents. CONTRIBUTING.md has
// the recipe for a new mode.
type ModeInfo struct {
	Mode        Mode
	Title       string // the name in messages: "Full sync"
	Description string // what a sync of the mode does, as a clause without a subject

	Workflow         string // the Temporal workflow type that serves requests of the mode
	WorkflowIDPrefix string // a request ID follows or, with PerTenant, a tenant ID
	PerTenant        bool   // one workflow serves all requests of a tenant; otherwise each request has its own

	OneEntity       bool // a request names exactly one entity
	ReadsAll        bool // reads every record, and finds the rows that are gone: allowDeletes has an effect
	Staged          bool // stores pages in a staging table, which is checked at the end
	ReadOnly        bool // compares the staging table and changes nothing: it runs beside other modes, and notifies of differences
	Interactive     bool // somebody may be waiting: its API calls have a reserved share of the rate budget
	NotifyByDefault bool // notifies of every outcome; otherwise of failures only
}

var modes = []ModeInfo{
	{
		Mode: Full, Title: "Full sync", Description: "reads every record",
		Workflow: "FullSync", WorkflowIDPrefix: "full-sync-",
		ReadsAll: true, NotifyByDefault: true,
	},
	{
		Mode: Incremental, Title: "Incremental sync", Description: "reads what changed since the last sync",
		Workflow: "IncrementalSync", WorkflowIDPrefix: "incremental-sync-", PerTenant: true,
		Interactive: true,
	},
	{
		Mode: Rebuild, Title: "Rebuild", Description: "reads every record of one entity into a staging table, checks it and applies the differences",
		Workflow: "Rebuild", WorkflowIDPrefix: "rebuild-",
		OneEntity: true, ReadsAll: true, Staged: true, NotifyByDefault: true,
	},
	{
		Mode: Verify, Title: "Verify", Description: "reads every record into a staging table, compares it with the rows and reports the differences",
		Workflow: "Verify", WorkflowIDPrefix: "verify-",
		ReadsAll: true, Staged: true, ReadOnly: true,
	},
}

// Modes returns the table of modes, in the order in which they are listed everywhere.
func Modes() []ModeInfo { return slices.Clone(modes) }

// ModeNames returns the names of all modes, in the order of the table.
func ModeNames() []string {
	names := make([]string, len(modes))
	for i, info := range modes {
		names[i] = string(info.Mode)
	}
	return names
}

// Info returns the row of a mode. A mode of a later version, which this build can meet in
// the ledger and in events, has a title and is taken for one that reads everything.
func (m Mode) Info() ModeInfo {
	if i := slices.IndexFunc(modes, func(info ModeInfo) bool { return info.Mode == m }); i >= 0 {
		return modes[i]
	}
	return ModeInfo{Mode: m, Title: "Sync (" + string(m) + ")", ReadsAll: true, NotifyByDefault: true}
}

// WorkflowID returns the ID of the workflow that serves a request of the mode.
func (m Mode) WorkflowID(tenant TenantID, requestID string) string {
	info := m.Info()
	if info.PerTenant {
		return info.WorkflowIDPrefix + string(tenant)
	}
	return info.WorkflowIDPrefix + requestID
}

// ModeOfWorkflowID returns the mode whose workflows have IDs like id. It reports false
// where no mode has.
func ModeOfWorkflowID(id string) (ModeInfo, bool) {
	i := slices.IndexFunc(modes, func(info ModeInfo) bool { return strings.HasPrefix(id, info.WorkflowIDPrefix) })
	if i < 0 {
		return ModeInfo{}, false
	}
	return modes[i], true
}
