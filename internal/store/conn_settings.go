package store

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lazi/lazisync/internal/legacy/adoption"
)

// settings are the PostgreSQL parameters of each transaction, by name.
//
// They are set when a transaction begins, not on connect: a pooler such as PgBouncer rejects
// most parameters in the startup packet, and in transaction mode it gives each transaction
// another server connection, so that session settings are lost.
type settings map[string]string

// defaultSettings apply unless the database URL sets the parameter. The server times out before
// the client, so that a slow statement costs an error and not the connection.
var defaultSettings = settings{
	"statement_timeout":                   "30s",
	"lock_timeout":                        "5s",
	"idle_in_transaction_session_timeout": "60s",
	"work_mem":                            "32MB", // a page is sorted and joined in memory
	"jit":                                 "off",  // compiling a statement takes longer than running it
}

// ownSettings override the URL and the settings of the role: the text format of results depends
// on them.
var ownSettings = settings{
	adoption.WriterSetting: "on",
	"bytea_output":         "hex",
	"intervalstyle":        "postgres",
}

// startupParams are sent in the startup packet. PgBouncer accepts them in every configuration,
// because it tracks them per client. The text format of results depends on them.
var startupParams = map[string]string{
	"timezone":                    "UTC",
	"datestyle":                   "ISO",
	"client_encoding":             "UTF8",
	"standard_conforming_strings": "on",
}

// configure configures connections and returns the settings of their transactions: the
// defaults, and every parameter of the URL.
//
// The execution mode is cache_statement unless the URL has another: statements are prepared, except
// behind a pooler (see conn_prepare.go).
func configure(cfg *pgx.ConnConfig, databaseURL, application string) (settings, error) {
	application = cmp.Or(application, "lazisync")
	cfg.ConnectTimeout = cmp.Or(cfg.ConnectTimeout, 5*time.Second)
	if !strings.Contains(databaseURL, "statement_cache_capacity") {
		cfg.StatementCacheCapacity = preparedStatements
	}
	useModeWithoutCache(cfg)
	requireWritableHost(cfg, databaseURL)
	s := maps.Clone(defaultSettings)
	for name, value := range cfg.RuntimeParams {
		switch strings.ToLower(name) {
		case "application_name":
			application = value
			delete(cfg.RuntimeParams, name)
		case "timezone", "datestyle", "client_encoding", "standard_conforming_strings":
			delete(cfg.RuntimeParams, name) // startupParams apply
		case "options", "replication": // possible in the startup packet only
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
			return nil, fmt.Errorf("parameter %q contains a zero byte", name)
		}
	}
	return s, nil
}

// choosesMode reports whether a URL has an execution mode of pgx.
func choosesMode(databaseURL string) bool {
	return strings.Contains(databaseURL, "default_query_exec_mode")
}

// useModeWithoutCache selects an execution mode without the cache that the URL disables.
func useModeWithoutCache(cfg *pgx.ConnConfig) {
	if cfg.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement && cfg.StatementCacheCapacity == 0 {
		cfg.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	}
	if cfg.DefaultQueryExecMode == pgx.QueryExecModeCacheDescribe && cfg.DescriptionCacheCapacity == 0 {
		cfg.DefaultQueryExecMode = pgx.QueryExecModeDescribeExec
	}
}

// requireWritableHost makes connections to several hosts skip those that accept no writes, unless
// the URL has target_session_attrs.
func requireWritableHost(cfg *pgx.ConnConfig, databaseURL string) {
	if cfg.ValidateConnect != nil || strings.Contains(databaseURL, "target_session_attrs") {
		return
	}
	if slices.ContainsFunc(cfg.Fallbacks, func(f *pgconn.FallbackConfig) bool { return f.Host != cfg.Host || f.Port != cfg.Port }) {
		cfg.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
}

// txOptions returns the options of a transaction with the settings. They cost no round trip of
// their own.
func (s settings) txOptions() pgx.TxOptions {
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
	value := quoteLiteral(s[name])
	if listParams[strings.ToLower(name)] {
		value = listLiteral(s[name])
	}
	return fmt.Sprintf("set local %s = %s", pgx.Identifier(strings.Split(name, ".")).Sanitize(), value)
}

// listParams are the parameters that take a list of names: one constant with commas would be a
// single name.
var listParams = map[string]bool{"search_path": true, "temp_tablespaces": true}

// listLiteral returns a list of names, which may be in double quotes, as string constants.
func listLiteral(list string) string {
	var names []string
	var name strings.Builder
	quoted, wasQuoted := false, false
	end := func() {
		text := name.String()
		if !wasQuoted {
			text = strings.ToLower(strings.TrimSpace(text))
		}
		names = append(names, quoteLiteral(text))
		name.Reset()
		wasQuoted = false
	}
	for _, r := range list {
		switch {
		case r == '"':
			if !quoted && wasQuoted { // two quotes are one quote in the name
				name.WriteRune(r)
			} else if !quoted {
				name.Reset() // drops spaces before the quote
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

// merge returns the settings, replaced or extended by others.
func (s settings) merge(others settings) settings {
	all := maps.Clone(s)
	maps.Copy(all, others)
	return all
}

// quoteLiteral returns a string constant in SQL. It needs standard_conforming_strings on.
func quoteLiteral(value string) string { return "'" + strings.ReplaceAll(value, "'", "''") + "'" }
