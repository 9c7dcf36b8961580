package store

import "regexp"

// failureClass is what lazisync does about an error of PostgreSQL. It applies to every statement:
//
//	class       record     page or statement          connection  run
//	data        rejected   the others are stored      kept        continues; outside of a page like permanent
//	transient   unchanged  3 attempts, 50 ms backoff  kept        waits: the caller retries until its deadline
//	connection  unchanged  3 attempts, 50 ms backoff  closed      waits: the caller retries until its deadline
//	session     unchanged  3 attempts, 50 ms backoff  closed      like permanent if every attempt fails
//	permanent   unchanged  1 attempt                  kept        fails with StoreError after some minutes
type failureClass int

const (
	unclassified    failureClass = iota // not an error of PostgreSQL
	dataError                           // PostgreSQL rejects the values; the statement may succeed without them
	transientError                      // a retry may succeed
	connectionError                     // the connection or its server is unusable
	sessionError                        // the session lacks state that the statement needs
	permanentError                      // a retry fails until somebody acts
)

func (c failureClass) String() string {
	return [...]string{"unclassified", "data", "transient", "connection", "session", "permanent"}[c]
}

// sqlState classifies a class of SQLSTATEs, or one code.
type sqlState struct {
	class failureClass
	fix   string // what to do; "" if the message says it
}

// Fixes of several codes.
const (
	fixMigrate  = "run lazisync migrate; if the table was dropped, restore it"
	fixGrant    = "grant what deploy/README.md lists for the role"
	fixLogin    = "correct the user and the password in DATABASE_URL"
	fixDatabase = "correct the database in DATABASE_URL, or create it"
	fixMode     = "remove default_query_exec_mode from DATABASE_URL: the connection pooler does not keep prepared statements"
	fixSpace    = "free or add disk space for PostgreSQL"
	fixAllow    = "allow connections to the database once it is ready: alter database … allow_connections true"
	fixPrimary  = "point DATABASE_URL at the primary"
	fixDamage   = "check PostgreSQL's log and disks for damage, and restore from a backup if there is any"
)

// sqlStates classifies SQLSTATEs by their class, the first two characters, and codes that differ
// from their class. Anything else is permanent.
var sqlStates = map[string]sqlState{
	"00": {class: permanentError}, // 00 to 03 are no errors
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
	"25P03": {class: connectionError}, // the server ended an idle transaction
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
	"53300": {class: transientError, fix: "raise max_connections, or use PgBouncer in transaction mode"},
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

// poolerStates classify errors of PgBouncer by message: all of them have the code 08P01.
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

// stateOf classifies an error by its SQLSTATE. routine is the function of PostgreSQL's source that
// raised it, which does not depend on the language of messages.
func stateOf(code, message, routine string) sqlState {
	switch code {
	case "08P01":
		if routine != "" { // PostgreSQL, about a message of pgx
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
	case "55000":
		if routine == "CheckMyDatabase" { // the database does not accept connections, for example while it is copied or restored
			return sqlState{class: connectionError, fix: fixAllow}
		}
	case "XX000":
		if routine == "simple_heap_update" || routine == "simple_heap_delete" { // two sessions changed one catalog row
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
