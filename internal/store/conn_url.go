package store

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/lazi/lazisync/events"
)

const wantURL = "postgres://user:password@host:5432/database, special characters of the password as %23"

// CheckURL returns an error that says what is expected if a database URL can never work. The
// error never contains a password.
func CheckURL(databaseURL string) error {
	u, err := url.Parse(databaseURL)
	switch {
	case err != nil, u.Scheme != "postgres" && u.Scheme != "postgresql", u.Host == "" && u.Query().Get("host") == "", u.Fragment != "",
		strings.ContainsAny(u.Host, " \t\r\n"):
		return errors.New(wantURL)
	}
	if _, err := url.ParseQuery(u.RawQuery); err != nil {
		return errors.New(wantURL)
	}
	for _, name := range slices.Sorted(maps.Keys(u.Query())) {
		if err := checkParameter(name, u.Query()[name]); err != nil {
			return err
		}
	}
	if _, err := pgxpool.ParseConfig(databaseURL); err != nil { // the error of pgx quotes the URL before the reason
		_, reason, _ := strings.Cut(err.Error(), "`: ")
		return fmt.Errorf("%s: %s", wantURL, reason)
	}
	return nil
}

// reservedParams are parameters that lazisync sets: its statements rely on them, or each role has
// a value of its own.
var reservedParams = []string{
	"client_encoding", "datestyle", "default_transaction_read_only", "intervalstyle", "pool_max_conns", "pool_min_conns",
	"pool_min_idle_conns", "session_replication_role", "standard_conforming_strings", "timezone",
}

// knownParams are the parameters of pgx and the usual ones of PostgreSQL, for suggestions.
var knownParams = []string{
	"connect_timeout", "dbname", "host", "krbspn", "krbsrvname", "max_protocol_version", "min_protocol_version", "channel_binding",
	"require_auth", "passfile", "password", "port", "service", "servicefile", "sslcert", "sslcertmode", "sslkey", "sslmode",
	"sslnegotiation", "sslpassword", "sslrootcert", "sslsni", "target_session_attrs", "user",
	"default_query_exec_mode", "description_cache_capacity", "statement_cache_capacity",
	"pool_health_check_period", "pool_max_conn_idle_time", "pool_max_conn_lifetime", "pool_max_conn_lifetime_jitter", "pool_ping_timeout",
	"application_name", "idle_in_transaction_session_timeout", "lock_timeout", "search_path", "statement_timeout", "work_mem", "options",
}

// unsupportedParams are parameters of other clients, which PostgreSQL rejects.
var unsupportedParams = []string{"charset", "connection_limit", "currentschema", "encoding", "pgbouncer", "pool_timeout", "schema", "ssl", "usessl"}

// checkParameter rejects parameters that lazisync sets itself, that no server knows, and those
// that select a read-only server.
func checkParameter(name string, values []string) error {
	const want = "a URL without the parameter %s, which %s"
	lower := strings.ToLower(name)
	switch {
	case slices.Contains(reservedParams, lower):
		return fmt.Errorf(want, name, "lazisync sets itself")
	case len(values) > 1:
		return fmt.Errorf("a URL with the parameter %s once", name)
	case lower == "target_session_attrs" && slices.Contains([]string{"read-only", "standby", "prefer-standby"}, values[0]):
		return fmt.Errorf("a URL with target_session_attrs=read-write: lazisync writes")
	case slices.Contains(unsupportedParams, lower):
		return fmt.Errorf(want, name, "PostgreSQL does not know")
	case slices.Contains(knownParams, name) || strings.Contains(name, "."):
		return nil
	}
	if near, ok := events.Nearest(name, knownParams); ok {
		return fmt.Errorf("a URL without the parameter %s (did you mean %s?)", name, near)
	}
	return nil
}
