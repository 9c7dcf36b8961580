package app

import (
	"fmt"
	"slices"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/config"
	"github.com/lazi/lazisync/internal/doctor"
	"github.com/lazi/lazisync/internal/store"
	"github.com/lazi/lazisync/internal/stream"
)

// Role is a way to run lazisync, or the needs of a command.
type Role struct {
	doctor.Role
	AdminAddr string   // default address of health and metrics; "" for a command
	Required  []string // variables that must be set
}

// The roles of a process. ServeRole is all of them in one process.
var (
	BridgeRole = Role{
		AdminAddr: "127.0.0.1:9091", Required: []string{"DATABASE_URL", "SERVICETITAN_TENANT_ID"},
		Role: doctor.Role{
			Name: "bridge", Database: true, Temporal: true,
			Connections: 8, Access: store.AccessLedger,
			Consumers: []string{stream.ConsumerRequests, stream.ConsumerControl, stream.ConsumerMaxDeliveries}, MaxBatch: requestBatch,
			Publishes: slices.Concat([]string{
				events.Accepted.Subject, events.Rejected.Subject, events.Completed.Subject, events.Failed.Subject, events.Cancelled.Subject,
				events.Stale.Subject, events.Fresh.Subject,
				stream.DeadLetterSubject(events.Requested.Subject), stream.DeadLetterSubject(events.Control.Subject),
			}, notifierDeadLetters), // those that the notifier exhausted
			ReadsFrom: []string{stream.StreamEvents, stream.StreamCommands},
		},
	}
	WorkerRole = Role{
		AdminAddr: "127.0.0.1:9092", Required: []string{
			"DATABASE_URL", "SERVICETITAN_TENANT_ID", "SERVICETITAN_CLIENT_ID", "SERVICETITAN_CLIENT_SECRET", "SERVICETITAN_APP_KEY",
		},
		Role: doctor.Role{
			Name: "worker", Database: true, Temporal: true, ServiceTitan: true,
			// A slice stores one page at a time; the activities of the control queue are short.
			Connections: pagesInMemory + 4, Access: store.AccessPages,
			Publishes: []string{
				events.Requested.Subject, events.Started.Subject, events.Progress.Subject, events.Paused.Subject, events.Resumed.Subject,
				events.Completed.Subject, events.Failed.Subject, events.Cancelled.Subject,
			},
			ReadsFrom: []string{stream.StreamEvents},
		},
	}
	NotifierRole = Role{
		AdminAddr: "127.0.0.1:9093",
		Role: doctor.Role{
			Name: "notifier", Slack: true,
			Consumers: []string{stream.ConsumerNotifier}, MaxBatch: notifierBatch,
			Publishes: append([]string{stream.IncidentSubject("probe")}, notifierDeadLetters...),
			ReadsFrom: []string{stream.StreamIncidents},
		},
	}
	GatewayRole = Role{
		AdminAddr: "127.0.0.1:9094", Required: BridgeRole.Required,
		Role: doctor.Role{
			Name: "gateway", Database: true, Temporal: true, Gateway: true,
			Connections: 4, Access: store.AccessAudit,
			Publishes: []string{events.Requested.Subject, events.Control.Subject},
		},
	}
	ServeRole = Role{
		AdminAddr: "127.0.0.1:9090", Required: WorkerRole.Required,
		Role: doctor.Role{
			Name: "serve", Database: true, Temporal: true, ServiceTitan: true, Gateway: true, Slack: true,
			Connections: 24, Access: store.AccessPages,
			Consumers: slices.Concat(BridgeRole.Consumers, NotifierRole.Consumers), MaxBatch: requestBatch,
			Publishes: union(BridgeRole.Publishes, WorkerRole.Publishes, NotifierRole.Publishes, GatewayRole.Publishes),
			ReadsFrom: union(BridgeRole.ReadsFrom, NotifierRole.ReadsFrom),
		},
	}
)

// The needs of commands.
var (
	MigrateRole  = Role{Role: doctor.Role{Name: "migrate"}, Required: []string{"DATABASE_URL"}}
	StatusRole   = Role{Role: doctor.Role{Name: "status"}, Required: []string{"DATABASE_URL"}}
	ScheduleRole = Role{Role: doctor.Role{Name: "schedules"}, Required: []string{"SERVICETITAN_TENANT_ID"}}
	PlanRole     = Role{Role: doctor.Role{Name: "plan"}, Required: []string{"SERVICETITAN_TENANT_ID", "SERVICETITAN_CLIENT_ID", "SERVICETITAN_CLIENT_SECRET", "SERVICETITAN_APP_KEY"}}
	ToolRole     = Role{Role: doctor.Role{Name: "tool"}}
)

// notifierDeadLetters are the subjects of events that cannot be notified.
var notifierDeadLetters = []string{
	stream.DeadLetterSubject(events.Completed.Subject), stream.DeadLetterSubject(events.Failed.Subject),
	stream.DeadLetterSubject(events.Cancelled.Subject), stream.DeadLetterSubject(events.Rejected.Subject),
	stream.DeadLetterSubject(events.Stale.Subject), stream.DeadLetterSubject(events.Fresh.Subject),
}

// union concatenates lists without repetitions.
func union(lists ...[]string) (all []string) {
	for _, name := range slices.Concat(lists...) {
		if !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
}

// FindRole returns the role of a process by its name.
func FindRole(name string) (Role, bool) {
	for _, r := range []Role{ServeRole, BridgeRole, WorkerRole, NotifierRole, GatewayRole} {
		if r.Name == name {
			return r, true
		}
	}
	return Role{}, false
}

// AdminAddrs are the default addresses of health and metrics, by role.
func AdminAddrs() map[string]string {
	addrs := map[string]string{}
	for _, r := range []Role{ServeRole, BridgeRole, WorkerRole, NotifierRole, GatewayRole} {
		addrs[r.Name] = r.AdminAddr
	}
	return addrs
}

// includes reports whether a role does the work of another.
func (r Role) includes(other Role) bool { return r.Name == other.Name || r.Name == ServeRole.Name }

// Load reads the configuration of a role from environ, which holds NAME=value entries. The
// error is config.Problems.
func Load(environ []string, role Role) (*config.Config, error) {
	return config.Load(environ, config.Options{
		Required:     role.Required,
		ServesAPI:    role.Gateway,
		Notifies:     role.includes(NotifierRole),
		ReadsRecords: role.includes(WorkerRole),
		Checks: map[string]func(string) error{
			"DATABASE_URL": store.CheckURL, "NATS_CREDS": checkCredentials, "NOTIFY_URLS": checkNotifyURLs,
		},
	})
}

// checkCredentials checks a credentials file of a NATS user.
func checkCredentials(path string) error {
	content, err := config.ReadFile(path)
	if err == nil {
		err = stream.CheckCreds(content)
	}
	if err != nil {
		return fmt.Errorf("the path of a file with the JWT and the seed of a NATS user: %w", err)
	}
	return nil
}
