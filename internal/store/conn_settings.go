package store

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lazi/lazisync/internal/legacy/adoption"
)

// settings are the parameters of PostgreSQL that hold in each transaction, by name.
//
// They are set as the transaction begins and not as the connection is made: a pooler such
// as PgBouncer refuses most parameters in the startup packet, and in transaction mode it
// gives each transaction another connection to the server, so that nothing that was set
// for a session holds.
type settings map[string]string

// defaultSettings hold where the database URL does not set the parameter. The server
// gives up first, so that a slow statement costs an error and not the connection.
var defaultSettings = settings{
	"statement_timeout":                   "30s",
	"lock_timeout":                        "5s",
	"idle_in_transaction_session_timeout": "60s",
	"work_mem":                            "32MB", // a page is sorted and joined in memory
}

// ownSettings hold whatever the URL and the role's own settings say: text that comes back
// depends on them.
var ownSettings = settings{
	adoption.WriterSetting: "on",
	"bytea_output":         "hex",
	"intervalstyle":        "postgres",
}

// startupParams go into the startup packet. PgBouncer takes these, whatever its
// configuration: it tracks them per client. Text that comes back depends on them.
var startupParams = map[string]string{
	"timezone":                    "UTC",
	"datestyle":                   "ISO",
	"client_encoding":             "UTF8",
	"standard_conforming_strings": "on",
}

// configure prepares connections and returns the settings of their transactions: our
// defaults, and every parameter that the URL sets.
//
// Statements are executed as cache_describe does unless the URL names another
// default_query_exec_mode: in one round trip, and without the named prepared statements
// of pgx's default, which a pooler in transaction mode loses.
func configure(cfg *pgx.ConnConfig, databaseURL, application string) (settings, error) {
	if application == "" {
		application = "lazisync"
	}
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = 5 * time.Second
	}
	if !strings.Contains(databaseURL, "default_query_exec_mode") {
		cfg.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	}
	withoutCache(cfg)
	writeOnly(cfg, databaseURL)
	s := maps.Clone(defaultSettings)
	for name, value := range cfg.RuntimeParams {
		switch strings.ToLower(name) {
		case "application_name":
			application = value
			delete(cfg.RuntimeParams, name)
		case "timezone", "datestyle", "client_encoding", "standard_conforming_strings":
			delete(cfg.RuntimeParams, name) // ours hold
		case "options", "replication": // they exist in the startup packet alone
		default:
			s[name] = value
			delete(cfg.RuntimeParams, name)
		}
	}
	maps.Copy(s, ownSettings)
	maps.Copy(cfg.RuntimeParams, startupParams)
	cfg.RuntimeParams["application_name"] = application
	for name, value := range s {
		if strings.ContainsRune(name+value, 0) {
			return nil, fmt.Errorf("parameter %q holds a zero byte", name)
		}
	}
	return s, nil
}

// withoutCache takes an execution mode that needs no cache where the URL disables it.
func withoutCache(cfg *pgx.ConnConfig) {
	if cfg.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement && cfg.StatementCacheCapacity == 0 {
		cfg.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	}
	if cfg.DefaultQueryExecMode == pgx.QueryExecModeCacheDescribe && cfg.DescriptionCacheCapacity == 0 {
		cfg.DefaultQueryExecMode = pgx.QueryExecModeDescribeExec
	}
}

// writeOnly connects to the one of several hosts that takes writes, unless the URL says
// which to take.
func writeOnly(cfg *pgx.ConnConfig, databaseURL string) {
	if cfg.ValidateConnect != nil || strings.Contains(databaseURL, "target_session_attrs") {
		return
	}
	if slices.ContainsFunc(cfg.Fallbacks, func(f *pgconn.FallbackConfig) bool { return f.Host != cfg.Host || f.Port != cfg.Port }) {
		cfg.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
}

// begin returns the options of a transaction with the settings. Beginning it costs one
// round trip, whatever the number of settings.
func (s settings) begin() pgx.TxOptions {
	return pgx.TxOptions{BeginQuery: "begin isolation level read committed; " + s.local()}
}

// local returns the statements that set the parameters until the transaction ends.
func (s settings) local() string {
	all := make([]string, 0, len(s))
	for _, name := range slices.Sorted(maps.Keys(s)) {
		all = append(all, s.set(name))
	}
	return strings.Join(all, "; ")
}

// set returns the statement that sets one parameter until the transaction ends.
func (s settings) set(name string) string {
	value := literal(s[name])
	if lists[strings.ToLower(name)] {
		value = literals(s[name])
	}
	return fmt.Sprintf("set local %s = %s", pgx.Identifier(strings.Split(name, ".")).Sanitize(), value)
}

// lists are the parameters of which one constant would be one name, commas included.
var lists = map[string]bool{"search_path": true, "temp_tablespaces": true}

// literals turns a list of names, which may be in double quotes, into constants.
func literals(list string) string {
	var names []string
	var name strings.Builder
	quoted, wasQuoted := false, false
	end := func() {
		text := name.String()
		if !wasQuoted {
			text = strings.ToLower(strings.TrimSpace(text))
		}
		names = append(names, literal(text))
		name.Reset()
		wasQuoted = false
	}
	for _, r := range list {
		switch {
		case r == '"':
			if !quoted && wasQuoted { // two in a row are one in the name
				name.WriteRune(r)
			} else if !quoted {
				name.Reset() // blanks before it
			}
			quoted, wasQuoted = !quoted, true
		case r == ',' && !quoted:
			end()
		case quoted || !wasQuoted:
			name.WriteRune(r)
		}
	}
	end()
	return strings.Join(names, ", ")
}

// with returns the settings with some of them replaced.
func (s settings) with(others settings) settings {
	all := maps.Clone(s)
	maps.Copy(all, others)
	return all
}

// literal is a string constant in SQL, with standard_conforming_strings on.
func literal(value string) string { return "'" + strings.ReplaceAll(value, "'", "''") + "'" }
