package app

import (
	"fmt"

	"github.com/lazi/lazisync/internal/config"
	"github.com/lazi/lazisync/internal/store"
	"github.com/lazi/lazisync/internal/stream"
	"github.com/lazi/lazisync/workflows"
)

// Config is the effective configuration.
type Config = config.Config

// Role is one of the ways lazisync runs. It says which variables must be set.
type Role struct {
	Name  string
	Admin string // default address of health and metrics
	needs []string

	connections int32    // to PostgreSQL, at most
	consumers   []string // that must exist before the role is ready
}

// The roles, and those of commands that only migrate, look or publish.
var (
	BridgeRole = Role{
		Name: "bridge", Admin: "127.0.0.1:9091", needs: []string{"DATABASE_URL", "SERVICETITAN_TENANT_ID"},
		connections: 8, consumers: []string{stream.ConsumerRequests, stream.ConsumerControl, stream.ConsumerMaxDeliveries},
	}
	WorkerRole = Role{
		Name: "worker", Admin: "127.0.0.1:9092", needs: []string{
			"DATABASE_URL", "SERVICETITAN_TENANT_ID", "SERVICETITAN_CLIENT_ID", "SERVICETITAN_CLIENT_SECRET", "SERVICETITAN_APP_KEY",
		},
		connections: pageSlots + 6, // a slice stores one page at a time; the control queue's activities are short
	}
	NotifierRole = Role{Name: "notifier", Admin: "127.0.0.1:9093", consumers: []string{stream.ConsumerNotifier}}
	GatewayRole  = Role{Name: "gateway", Admin: "127.0.0.1:9094", needs: BridgeRole.needs, connections: 4}
	ServeRole    = Role{
		Name: "serve", Admin: "127.0.0.1:9090", needs: WorkerRole.needs, connections: 24,
		consumers: []string{stream.ConsumerRequests, stream.ConsumerControl, stream.ConsumerMaxDeliveries, stream.ConsumerNotifier},
	}
	MigrateRole = Role{Name: "migrate", needs: []string{"DATABASE_URL"}}
	StatusRole  = Role{Name: "status", needs: []string{"DATABASE_URL"}}
	ToolRole    = Role{Name: "tool"}

	ScheduleRole = Role{Name: "schedules", needs: []string{"SERVICETITAN_TENANT_ID"}}
)

// FindRole finds a role that runs by its name.
func FindRole(name string) (Role, bool) {
	for _, r := range []Role{ServeRole, BridgeRole, WorkerRole, NotifierRole, GatewayRole} {
		if r.Name == name {
			return r, true
		}
	}
	return Role{}, false
}

// Load reads the configuration of a role from environ, which holds NAME=value entries. The
// error is config.Problems.
func Load(environ []string, role Role) (*Config, error) {
	return config.Load(environ, config.Options{
		Required:  role.needs,
		ServesAPI: role.is(GatewayRole),
		Checks:    map[string]func(string) error{"DATABASE_URL": store.CheckURL, "NATS_CREDS": checkCreds},
	})
}

// checkCreds checks a credentials file of a NATS user.
func checkCreds(path string) error {
	content, err := config.ReadFile(path)
	if err == nil {
		err = stream.CheckCreds(content)
	}
	if err != nil {
		return fmt.Errorf("the path of a file with the JWT and the seed of a NATS user: %w", err)
	}
	return nil
}

// limits bound a run.
func limits(c *Config) workflows.Limits {
	l := workflows.DefaultLimits
	l.Deadline, l.PauseLimit = c.Sync.RunDeadline, c.Sync.PauseLimit
	return l
}

// TemporalConfig says how to reach Temporal.
type TemporalConfig = config.TemporalConfig
