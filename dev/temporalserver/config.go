package temporalserver

import (
	"fmt"

	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/membership/static"
	sqliteplugin "go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	"go.temporal.io/server/common/primitives"

	"github.com/lazi/lazisync/dev/ports"
)

// servicePorts are the ports of the four services of the server.
type servicePorts struct {
	frontend, history, matching, worker int
}

// chooseServicePorts checks the frontend's port, because the server exits the process if it is
// taken.
func chooseServicePorts(frontend int) (servicePorts, error) {
	p, err := ports.Find(ports.Request{Name: "frontend", Port: frontend, Set: frontend != 0})
	if err != nil {
		return servicePorts{}, err
	}
	others, err := ports.Free(3)
	if err != nil {
		return servicePorts{}, err
	}
	return servicePorts{frontend: p.Number, history: others[0], matching: others[1], worker: others[2]}, nil
}

func (p servicePorts) byService() map[primitives.ServiceName]int {
	return map[primitives.ServiceName]int{
		primitives.FrontendService: p.frontend,
		primitives.HistoryService:  p.history,
		primitives.MatchingService: p.matching,
		primitives.WorkerService:   p.worker,
	}
}

// hosts returns the addresses of the services. It replaces the membership protocol of a cluster.
func (p servicePorts) hosts() map[primitives.ServiceName]static.Hosts {
	hosts := map[primitives.ServiceName]static.Hosts{}
	for service, port := range p.byService() {
		hosts[service] = static.SingleLocalHost(ports.Addr(port))
	}
	return hosts
}

const clusterName = "active"

func serverConfig(o Options, listen servicePorts) (*config.Config, error) {
	persistence, err := o.persistence()
	if err != nil {
		return nil, err
	}
	services := map[string]config.Service{}
	for service, port := range listen.byService() {
		services[string(service)] = config.Service{RPC: config.RPC{GRPCPort: port, BindOnIP: ports.Host}}
	}
	frontend := ports.Addr(listen.frontend)
	return &config.Config{
		// The server gives its services twice this time to start, but at least 15 s, which is not enough on a busy
		// machine. Static hosts join nothing.
		Global:      config.Global{Membership: config.Membership{MaxJoinDuration: startTimeout / 2}},
		Persistence: persistence,
		ClusterMetadata: &cluster.Config{
			FailoverVersionIncrement: 10,
			MasterClusterName:        clusterName,
			CurrentClusterName:       clusterName,
			ClusterInformation: map[string]cluster.ClusterInformation{
				clusterName: {Enabled: true, InitialFailoverVersion: 1, RPCAddress: frontend},
			},
		},
		DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
		Services:            services,
		Archival: config.Archival{
			History:    config.HistoryArchival{State: "disabled"},
			Visibility: config.VisibilityArchival{State: "disabled"},
		},
		NamespaceDefaults: config.NamespaceDefaults{Archival: config.ArchivalNamespaceDefaults{
			History:    config.HistoryArchivalNamespaceDefaults{State: "disabled"},
			Visibility: config.VisibilityArchivalNamespaceDefaults{State: "disabled"},
		}},
		PublicClient: config.PublicClient{HostPort: frontend},
	}, nil
}

// persistence returns where the server keeps its data.
func (o Options) persistence() (config.Persistence, error) {
	if o.PostgresURL == "" {
		return config.Persistence{
			DefaultStore:     sqliteplugin.PluginName,
			VisibilityStore:  sqliteplugin.PluginName,
			NumHistoryShards: 1,
			DataStores:       map[string]config.DataStore{sqliteplugin.PluginName: {SQL: sqliteConfig(o)}},
		}, nil
	}
	p := config.Persistence{
		DefaultStore: Database, VisibilityStore: VisibilityDatabase, NumHistoryShards: 1, DataStores: map[string]config.DataStore{},
	}
	for _, database := range []string{Database, VisibilityDatabase} {
		c, err := postgresConfig(o.PostgresURL, database)
		if err != nil {
			return p, err
		}
		p.DataStores[database] = config.DataStore{SQL: c}
	}
	return p, nil
}

// sqliteConfig selects the write-ahead log, with which a commit survives SIGKILL, and its flush at each commit, with
// which it survives a power failure, too.
func sqliteConfig(o Options) *config.SQL {
	synchronous := synchronousFull
	if o.Unsafe {
		synchronous = synchronousNormal
	}
	return &config.SQL{
		PluginName:   sqliteplugin.PluginName,
		DatabaseName: o.File,
		ConnectAttributes: map[string]string{
			"mode":         "rwc",
			"journal_mode": "wal",
			"synchronous":  fmt.Sprint(synchronous),
		},
	}
}

// Values of SQLite's synchronous: the write-ahead log is flushed at checkpoints only, or at each commit.
const (
	synchronousNormal = 1
	synchronousFull   = 2
)
