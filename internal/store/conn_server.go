package store

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// UnsupportedServerError reports a database that can never serve lazisync. Got is what the server
// reported and what is expected; Fix is what to do.
type UnsupportedServerError struct{ Got, Fix string }

func (e *UnsupportedServerError) Error() string { return e.Got + ": " + e.Fix }

// Refused reports that the operation fails until somebody acts.
func (e *UnsupportedServerError) Refused() bool { return true }

// Type is the type of the error in events.
func (e *UnsupportedServerError) Type() string { return "StoreError" }

// checkServer returns an *UnsupportedServerError if the server of a new connection cannot serve
// lazisync. It reads the parameters that the server reported on connect, which costs no round
// trip, and ignores parameters that a server or pooler did not report.
func checkServer(conn *pgconn.PgConn) error {
	if version := conn.ParameterStatus("server_version"); version != "" {
		if major, err := strconv.Atoi(leadingDigits(version)); err == nil && major < MinVersion/10000 {
			return &UnsupportedServerError{
				Got: fmt.Sprintf("the server is PostgreSQL %s, want %d or later", version, MinVersion/10000),
				Fix: fmt.Sprintf("upgrade to PostgreSQL %d or later", MinVersion/10000),
			}
		}
	}
	for name, want := range map[string]string{"server_encoding": "UTF8", "client_encoding": "UTF8", "standard_conforming_strings": "on"} {
		if got := conn.ParameterStatus(name); got != "" && !strings.EqualFold(got, want) {
			return &UnsupportedServerError{Got: fmt.Sprintf("the database has %s %s, want %s", name, got, want), Fix: parameterFixes[name]}
		}
	}
	return nil
}

var parameterFixes = map[string]string{
	"server_encoding":             "create a database with encoding UTF8 and point DATABASE_URL at it",
	"client_encoding":             "configure the pooler to pass client_encoding through, or set it to UTF8 there",
	"standard_conforming_strings": "configure the pooler to pass standard_conforming_strings through, or set it to on there",
}

func leadingDigits(s string) string {
	end := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		return s
	}
	return s[:end]
}
