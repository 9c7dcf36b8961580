package doctor

import "github.com/lazi/lazisync/internal/store"

// Role says what a role depends on.
type Role struct {
	Name string

	Database     bool // PostgreSQL
	Temporal     bool
	ServiceTitan bool // calls the API
	Gateway      bool // serves HTTP
	Slack        bool // posts to Slack

	Connections int32        // to PostgreSQL, at most
	Access      store.Access // to the tables
	Consumers   []string     // that it reads
	MaxBatch    int          // messages that it pulls at once, at most
	Publishes   []string     // subjects
	ReadsFrom   []string     // streams of which it reads single messages
}
