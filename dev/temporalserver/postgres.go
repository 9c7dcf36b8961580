package temporalserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/metrics"
	"go.temporal.io/server/common/persistence"
	"go.temporal.io/server/common/persistence/sql"
	"go.temporal.io/server/common/persistence/sql/sqlplugin"
	postgresplugin "go.temporal.io/server/common/persistence/sql/sqlplugin/postgresql"
	"go.temporal.io/server/common/resolver"
	"go.temporal.io/server/schema"
	postgresschema "go.temporal.io/server/schema/postgresql/v12"
	"google.golang.org/protobuf/types/known/durationpb"
)

// Databases on PostgreSQL, as docker-compose.yml names them.
const (
	Database           = "temporal"
	VisibilityDatabase = "temporal_visibility"
)

// postgresConfig returns the configuration of a database of a PostgreSQL server.
func postgresConfig(server, database string) (*config.SQL, error) {
	u, err := url.Parse(server)
	if err != nil {
		return nil, errors.New("PostgresURL is not a URL") // without the password
	}
	password, _ := u.User.Password()
	return &config.SQL{
		PluginName: postgresplugin.PluginName, DatabaseName: database, ConnectAddr: u.Host, ConnectProtocol: "tcp",
		User: u.User.Username(), Password: password, MaxConns: 10, MaxIdleConns: 10, MaxConnLifetime: time.Hour,
	}, nil
}

// preparePostgres creates the tables in empty databases.
func preparePostgres(server string) error {
	for _, one := range []struct{ database, folder, version string }{
		{Database, "temporal", postgresschema.Version}, {VisibilityDatabase, "visibility", postgresschema.VisibilityVersion},
	} {
		c, err := postgresConfig(server, one.database)
		if err == nil {
			err = createTables(c, "postgresql/v12/"+one.folder+"/schema.sql", one.version)
		}
		if err != nil {
			return fmt.Errorf("tables of database %s: %w", one.database, err)
		}
	}
	return nil
}

func createTables(c *config.SQL, file, version string) error {
	db, err := sql.NewSQLAdminDB(sqlplugin.DbKindUnknown, c, resolver.NewNoopResolver(), log.NewNoopLogger(), metrics.NoopMetricsHandler)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ReadSchemaVersion(c.DatabaseName); err == nil {
		return nil
	}
	text, err := schema.Assets().Open(file)
	if err != nil {
		return err
	}
	defer text.Close()
	statements, err := persistence.LoadAndSplitQueryFromReaders([]io.Reader{text})
	if err != nil {
		return err
	}
	for _, statement := range statements {
		if err := db.Exec(statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	if err := db.CreateSchemaVersionTables(); err != nil {
		return err
	}
	return db.UpdateSchemaVersion(c.DatabaseName, version, version)
}

// registerNamespace creates the namespace unless it exists.
func (s *Server) registerNamespace(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	c, err := client.NewLazyClient(client.Options{HostPort: s.addr, Logger: sdklog.NewStructuredLogger(discard)})
	if err != nil {
		return err
	}
	defer c.Close()
	for {
		_, err := c.WorkflowService().RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{
			Namespace: Namespace, WorkflowExecutionRetentionPeriod: durationpb.New(Retention),
		})
		if exists := (*serviceerror.NamespaceAlreadyExists)(nil); err == nil || errors.As(err, &exists) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("temporal server: register namespace %s: %w", Namespace, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
