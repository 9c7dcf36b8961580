package store

import "regexp"

// A failure class says what follows from an error of PostgreSQL. This table holds for
// every statement of lazisync:
//
//	class       record     page or statement        connection  run
//	dataError   rejected   the others are stored    kept        continues; outside of a page as permanent
//	transient   unchanged  3 tries, 50 ms apart     kept        waits: the caller retries until its deadline
//	connection  unchanged  3 tries, 50 ms apart     closed      waits: the caller retries until its deadline
//	session     unchanged  3 tries, 50 ms apart     closed      as permanent if every try fails
//	permanent   unchanged  1 try                    kept        ends as StoreError after a grace of minutes
type failureClass int

const (
	unclassified    failureClass = iota // not of PostgreSQL
	dataError                           // PostgreSQL refuses the values; the same statement without them may succeed
	transientError                      // the same statement may succeed in a moment
	connectionError                     // the connection, or the server behind it, is of no more use
	sessionError                        // the session is not in the state that the statement expects
	permanentError                      // somebody has to act first
)

func (c failureClass) String() string {
	return [...]string{"unclassified", "data", "transient", "connection", "session", "permanent"}[c]
}

// A sqlState is what lazisync knows of a class of SQLSTATEs, or of one code in it.
type sqlState struct {
	class failureClass
	fix   string // what to do, "" where the message says it
}

// Fixes that several codes share.
const (
	fixMigrate  = "run lazisync migrate; if the table was dropped, restore it"
	fixGrant    = "grant what deploy/README.md lists for the role"
	fixLogin    = "correct the user and the password in DATABASE_URL"
	fixDatabase = "correct the database in DATABASE_URL, or create it"
	fixMode     = "remove default_query_exec_mode from DATABASE_URL: the connection pooler does not keep prepared statements"
	fixSpace    = "free or add disk space for PostgreSQL"
	fixPrimary  = "point DATABASE_URL at the primary"
	fixDamage   = "check PostgreSQL's log and disks for damage, and restore from a backup if there is any"
)

// sqlStates classifies SQLSTATEs by their class, the first two characters, and by whole
// codes where one differs from its class. A code in neither is permanent.
var sqlStates = map[string]sqlState{
	"00": {class: permanentError}, // no errors: success, warnings, no data
	"01": {class: permanentError},
	"02": {class: permanentError},
	"03": {class: permanentError},

	"08":    {class: connectionError},
	"08P01": {class: connectionError}, // see poolerStates
	"09":    {class: dataError},       // raised by a trigger
	"0A":    {class: permanentError},
	"0B":    {class: permanentError},
	"0F":    {class: permanentError},
	"0L":    {class: permanentError, fix: fixGrant},
	"0P":    {class: permanentError, fix: fixGrant},
	"0Z":    {class: permanentError},

	"20": {class: dataError},
	"21": {class: dataError},
	"22": {class: dataError},
	"23": {class: dataError},

	"24":    {class: sessionError},
	"25":    {class: sessionError},
	"25006": {class: connectionError, fix: fixPrimary},
	"25P03": {class: connectionError}, // the server ended a transaction that took too long
	"25P04": {class: connectionError},
	"26":    {class: sessionError, fix: fixMode},
	"27":    {class: permanentError},
	"28":    {class: permanentError, fix: fixLogin},

	"2B": {class: permanentError},
	"2D": {class: permanentError},
	"2F": {class: dataError}, // raised by a function or a trigger
	"34": {class: sessionError},
	"38": {class: dataError},
	"39": {class: dataError},
	"3B": {class: sessionError},
	"3D": {class: permanentError, fix: fixDatabase},
	"3F": {class: permanentError, fix: fixMigrate},

	"40":    {class: transientError},
	"40002": {class: dataError},
	"40003": {class: connectionError},

	"42":    {class: permanentError},
	"42501": {class: permanentError, fix: fixGrant},
	"42703": {class: permanentError, fix: fixMigrate},
	"42883": {class: permanentError, fix: fixMigrate},
	"42P01": {class: permanentError, fix: fixMigrate},
	"42P05": {class: sessionError, fix: fixMode},
	"44":    {class: dataError},

	"53":    {class: transientError},
	"53100": {class: transientError, fix: fixSpace},
	"53300": {class: transientError, fix: "raise max_connections, or put PgBouncer in transaction mode in between"},
	"53400": {class: permanentError, fix: "raise the limit that the message names"},

	"54":    {class: dataError},
	"54011": {class: permanentError},
	"54023": {class: permanentError},

	"55":    {class: permanentError},
	"55006": {class: transientError},
	"55P03": {class: transientError},

	"57":    {class: transientError},
	"57P01": {class: connectionError},
	"57P02": {class: connectionError},
	"57P03": {class: connectionError},
	"57P04": {class: connectionError, fix: fixDatabase},
	"57P05": {class: connectionError},

	"58":    {class: transientError, fix: fixDamage},
	"58P01": {class: permanentError, fix: fixDamage},
	"58P02": {class: permanentError, fix: fixDamage},

	"72": {class: transientError},
	"F0": {class: permanentError},
	"HV": {class: permanentError},
	"P0": {class: dataError}, // raised by a trigger
	"XX": {class: permanentError, fix: fixDamage},
}

// poolerStates classify what PgBouncer says under 08P01, the code of all its own errors,
// where it is not about one connection.
var poolerStates = []struct {
	message *regexp.Regexp
	sqlState
}{
	{regexp.MustCompile(`unsupported startup parameter`), sqlState{permanentError,
		"remove the parameter from DATABASE_URL, or add it to PgBouncer's ignore_startup_parameters"}},
	{regexp.MustCompile(`statement pooling`), sqlState{permanentError, "set pool_mode to transaction or session: lazisync needs transactions"}},
	{regexp.MustCompile(`no such (database|user)|does not allow connections|bouncer config error`), sqlState{permanentError,
		"correct the database and the user in DATABASE_URL, or add them to PgBouncer's configuration"}},
	{regexp.MustCompile(`auth.* failed|password`), sqlState{permanentError, fixLogin}},
	{regexp.MustCompile(`(SSL|TLS) required`), sqlState{permanentError, "add sslmode=require to DATABASE_URL"}},
	{regexp.MustCompile(`no more connections|query_wait_timeout`), sqlState{connectionError,
		"raise PgBouncer's max_client_conn or default_pool_size"}},
}

// stateOf returns what lazisync knows of an SQLSTATE, routine is where in PostgreSQL's
// source the error was raised, which no translation of messages changes.
func stateOf(code, message, routine string) sqlState {
	switch code {
	case "08P01":
		if routine != "" { // PostgreSQL itself, of what pgx sent
			return sqlState{class: sessionError}
		}
		for _, p := range poolerStates {
			if p.message.MatchString(message) {
				return p.sqlState
			}
		}
	case "0A000":
		if routine == "RevalidateCachedQuery" { // cached plan must not change result type
			return sqlState{class: sessionError}
		}
	case "XX000":
		if routine == "simple_heap_update" || routine == "simple_heap_delete" { // two sessions changed one row of the catalog
			return sqlState{class: transientError}
		}
	}
	if state, ok := sqlStates[code]; ok {
		return state
	}
	if len(code) == 5 {
		if state, ok := sqlStates[code[:2]]; ok {
			return state
		}
	}
	return sqlState{class: permanentError}
}
