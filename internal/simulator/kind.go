package simulator

import (
	"hash/fnv"
	"slices"
	"strings"
)

// kind describes how one entity is simulated: its paths, the behavior of its list, and its
// records. The zero value of each field is what most entities have; the tables list the
// differences.
type kind struct {
	name     string // plural, in snake case
	singular string // in webhook event types
	scope    string // OAuth scope that it requires

	list   string // path with {tenant}; "" if there is only a feed
	export string // path with {tenant}; "" if there is no feed
	legacy string // a former path of the same feed

	// The list.
	shape             shape
	states            states
	filter            window
	ids               bool       // has the parameter ids
	sorts             []string   // fields of its parameter sort; none: it has no such parameter, and an undocumented order
	maxPage           int        // 5,000 unless set
	firstPageIsZero   bool       // its first page has number 0
	requiresOneOf     [][]string // groups of parameters; one of each is required
	filterByReference reference  // filter by a record that they refer to

	// The feed.
	exportStates bool // has the parameter active

	// The records.
	fields      string   // see readFields; id precedes them unless key is set
	key         []string // fields that identify a record, if not an int64 id
	firstID     int64
	idOf        func(w *world, ordinal int) int64  // if ids follow from other records
	inactive    int                                // number of inactive ones among the first thousand records
	dateless    int                                // number of a thousand records with a null modifiedOn
	mayBeMerged bool                               // records are deleted by merging them into others
	core        bool                               // one of the four entities with many records
	write       func(*jsonWriter, *world, *record) // instead of fields
	listed      func(*jsonWriter, *world, *record) // the row of the list, if it differs

	form              []field // parsed fields
	inactiveIsDeleted bool    // active=false means that the record is deleted; lists without a filter for inactive records omit it
	alwaysActive      bool    // records have no field that shows that they are inactive
}

// shape is the envelope of a list.
type shape int

const (
	enveloped      shape = iota // page, pageSize, hasMore, totalCount, data
	unpaged                     // the same, but every record at once
	bare                        // a JSON array, every record at once
	dataOnly                    // {data}, paged
	dataUnpaged                 // {data}, every record at once
	tenantEnvelope              // {tenantId, tenantName, totalCount, data}, every record at once
)

func (s shape) paged() bool { return s == enveloped || s == dataOnly }

// states is the parameter with which a list returns inactive records.
type states int

const (
	noStates        states = iota // not at all: it shows whatever was not deleted
	active                        // active=True|Any|False, True unless given
	activeAny                     // the same, Any unless given
	activeState                   // activeState=ActiveOnly|InactiveOnly|All, ActiveOnly unless given
	activeOnly                    // activeOnly=true|false, true unless given
	includeInactive               // includeInactive=true|false, false unless given
)

// window is the set of time filters of a list.
type window int

const (
	byChange     window = iota // modifiedOnOrAfter, modifiedBefore, createdOnOrAfter, createdBefore
	byModified                 // the first two alone
	byCreation                 // the last two alone
	bySubmission               // submittedOnOrAfter, submittedBefore
	byUTC                      // fromUtc, toUtc
	noWindow                   // by none
)

// reference is a parameter that selects records by one of their fields.
type reference struct{ param, field string }

// byTime are the fields by which most lists can be sorted. It is also used for lists whose
// fields are not documented.
var byTime = []string{"Id", "ModifiedOn", "CreatedOn"}

// module completes the table of one module of the API: its paths, and what follows from each
// row.
func module(base string, kinds ...*kind) []*kind {
	base = "/" + base + "/tenant/{tenant}/"
	for _, k := range kinds {
		for _, path := range []*string{&k.list, &k.export, &k.legacy} {
			if *path != "" && (*path)[0] != '/' {
				*path = base + *path
			}
		}
		k.complete()
	}
	return kinds
}

// complete sets the fields that follow from others.
func (k *kind) complete() {
	setDefault(&k.maxPage, 5000)
	setDefault(&k.singular, singular(k.name))
	setDefault(&k.firstID, 600_000_000+int64(hash(k.name)%2_000_000_000))
	k.form = readFields(k.fields)
	has := func(form string, in place) bool {
		return slices.ContainsFunc(k.form, func(f field) bool { return f.form == form && f.in == in })
	}
	if k.write == nil {
		k.inactiveIsDeleted = has("active", exportOnly) || has("membership", everywhere)
		k.alwaysActive = !k.inactiveIsDeleted && k.states == noStates && !has("active", everywhere) && !has("canceled", everywhere)
	}
	if !k.alwaysActive {
		setDefault(&k.inactive, 30)
	}
}

// deleted reports whether the record no longer exists for users.
func (k *kind) deleted(r *record) bool { return r.Removed || r.Inactive && k.inactiveIsDeleted }

// singular returns the singular of an entity name: contact for contacts, entry for entries.
func singular(name string) string {
	if stem, ok := strings.CutSuffix(name, "ies"); ok {
		return stem + "y"
	}
	return strings.TrimSuffix(name, "s")
}

func hash(text string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(text))
	return h.Sum64()
}
