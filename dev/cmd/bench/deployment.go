package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"

	"github.com/lazi/lazisync/dev/process"
	"github.com/lazi/lazisync/dev/stack"
	"github.com/lazi/lazisync/dev/temporalserver"
	"github.com/lazi/lazisync/internal/simulator"
	"github.com/lazi/lazisync/internal/testing/pgserver"
)

const (
	latency    = 200 * time.Millisecond // of each call of the simulated ServiceTitan
	startLimit = time.Minute            // for a role to be ready
	stopLimit  = 40 * time.Second       // for a role to stop
)

// otherRoles are the processes beside the workers.
var otherRoles = []string{"bridge", "bridge", "notifier", "notifier", "gateway", "gateway"}

// deployment is a running lazisync: the servers in this process, except PostgreSQL, and each role
// in a process of its own.
type deployment struct {
	dir      string
	program  string
	stack    *stack.Stack
	sql      *pgxpool.Pool
	nc       *nats.Conn
	temporal client.Client
	outcomes *outcomes
	roles    []*role
	progress func(format string, args ...any)

	companies []simulator.Options
	options   options
	environ   []string // further variables of the roles, as NAME=value
}

// role is a process of lazisync.
type role struct {
	*process.Process
	name    string
	admin   string // URL of health and metrics
	gateway string // URL, "" where it has none
}

// startDeployment builds lazisync from the repository in the folder root, and starts the servers and every role
// but the workers. The caller stops it.
func startDeployment(ctx context.Context, root string, companies []simulator.Options, progress func(string, ...any)) (*deployment, error) {
	dir, err := os.MkdirTemp("", "lazisync-bench-")
	if err != nil {
		return nil, err
	}
	d := &deployment{dir: dir, program: filepath.Join(dir, "lazisync"), progress: progress, companies: companies}
	if err := d.start(ctx, root); err != nil {
		return nil, errors.Join(err, d.stop())
	}
	return d, nil
}

func (d *deployment) start(ctx context.Context, root string) (err error) {
	d.progress("building lazisync")
	if err := process.Build(root, d.program, ""); err != nil {
		return err
	}
	d.progress("starting NATS, Temporal, PostgreSQL and ServiceTitan")
	d.stack, err = stack.Start(ctx, stack.Options{
		Dir: filepath.Join(d.dir, "data"), Environ: os.Environ(), Isolated: true, FreePorts: true,
		Simulator: d.companies[0], OtherTenants: d.companies[1:], Log: zerolog.Nop(),
	})
	if err != nil {
		return err
	}
	d.pace(latency)
	if err := d.connect(ctx); err != nil {
		return err
	}
	migrate := exec.CommandContext(ctx, d.program, "migrate")
	migrate.Env = d.stack.Environ()
	if out, err := migrate.CombinedOutput(); err != nil {
		return fmt.Errorf("lazisync migrate: %w\n%s", err, out)
	}
	for _, name := range otherRoles {
		if err := d.startRole(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// connect connects to the servers as other systems do.
func (d *deployment) connect(ctx context.Context) (err error) {
	if d.sql, err = pgxpool.New(ctx, d.stack.Variable("DATABASE_URL")); err != nil {
		return err
	}
	if d.nc, err = nats.Connect(d.stack.Variable("NATS_URL")); err != nil {
		return err
	}
	if d.outcomes, err = listen(d.nc); err != nil {
		return err
	}
	d.temporal, err = client.NewLazyClient(client.Options{
		HostPort: d.stack.Variable("TEMPORAL_ADDRESS"), Namespace: temporalserver.Namespace,
		Logger: sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	})
	return err
}

// startRole starts a process and returns when it is ready.
func (d *deployment) startRole(ctx context.Context, name string) error {
	r, err := d.spawn(name)
	if err != nil {
		return err
	}
	d.roles = append(d.roles, r)
	return r.awaitReady(ctx, 50*time.Millisecond)
}

// spawn starts a process and returns when it listens. The caller adds it to the roles of the deployment.
func (d *deployment) spawn(name string) (*role, error) {
	r, err := d.startProcess(name, "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	at, err := r.AwaitListening(startLimit)
	if err != nil {
		r.Kill()
		return nil, err
	}
	r.admin, r.gateway = at.Admin, at.Gateway
	return r, nil
}

// launch starts a process and adds it to the roles, without waiting until it listens.
func (d *deployment) launch(name, adminAddr string) (*role, error) {
	r, err := d.startProcess(name, adminAddr)
	if err == nil {
		d.roles = append(d.roles, r)
	}
	return r, err
}

// startProcess starts a process that is not one of the roles of the deployment yet.
func (d *deployment) startProcess(name, adminAddr string) (*role, error) {
	cmd := exec.Command(d.program, name)
	cmd.Env = slices.Concat(d.stack.Environ(), d.environ, []string{"ADMIN_ADDR=" + adminAddr, "HTTP_ADDR=127.0.0.1:0"})
	p, err := process.Start(cmd)
	if err != nil {
		return nil, err
	}
	return &role{Process: p, name: name, admin: "http://" + adminAddr}, nil
}

// awaitReady waits until /readyz answers with 200.
func (r *role) awaitReady(ctx context.Context, interval time.Duration) error {
	for late := time.Now().Add(startLimit); !process.Answers(ctx, r.admin+"/readyz"); time.Sleep(interval) {
		if r.HasEnded() || time.Now().After(late) {
			return fmt.Errorf("lazisync %s is not ready: %s", r.name, r.Log.Tail(20))
		}
	}
	return ctx.Err()
}

// setWorkers starts or stops workers until count of them run.
func (d *deployment) setWorkers(ctx context.Context, count int) error {
	return d.setRole(ctx, "worker", count)
}

// setRole starts or stops processes of a role until count of them run.
func (d *deployment) setRole(ctx context.Context, name string, count int) error {
	running := 0
	for _, r := range slices.Clone(d.roles) {
		if r.name != name {
			continue
		}
		if running++; running > count {
			if err := d.stopRole(r); err != nil {
				return err
			}
		}
	}
	for ; running < count; running++ {
		if err := d.startRole(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// forget removes a process from the roles of the deployment. It does not end it.
func (d *deployment) forget(r *role) {
	d.roles = slices.DeleteFunc(d.roles, func(other *role) bool { return other == r })
}

// stopRole removes a process from the deployment and stops it with SIGTERM.
func (d *deployment) stopRole(r *role) error {
	d.forget(r)
	r.Signal(syscall.SIGTERM)
	select {
	case <-r.Ended():
		return nil
	case <-time.After(stopLimit):
		r.Kill()
		return fmt.Errorf("lazisync %s does not stop: %s", r.name, r.Log.Tail(20))
	}
}

// clearTables deletes the rows of all entities, so that the next full sync inserts them again.
func (d *deployment) clearTables(ctx context.Context) error {
	var tables string
	err := d.sql.QueryRow(ctx, `select string_agg(format('raw.%I', tablename), ', ') from pg_tables
		where schemaname = 'raw' and (tablename like 'st\_%' or tablename = 'sync_state')`).Scan(&tables)
	if err == nil {
		_, err = d.sql.Exec(ctx, "truncate "+tables)
	}
	if err != nil {
		return fmt.Errorf("clear the tables: %w", err)
	}
	return nil
}

// pace sets the latency of every simulated tenant.
func (d *deployment) pace(latency time.Duration) {
	for _, company := range d.stack.Companies {
		company.SetPace(latency)
	}
}

// company returns the simulated ServiceTitan of a tenant.
func (d *deployment) company(tenant string) *simulator.Simulator {
	for i, o := range d.companies {
		if strconv.FormatInt(o.Tenant, 10) == tenant {
			return d.stack.Companies[i]
		}
	}
	panic("no simulated tenant " + tenant)
}

// stop stops every process and deletes all data.
func (d *deployment) stop() error {
	for _, r := range d.roles {
		r.Kill()
	}
	if d.nc != nil {
		d.nc.Close()
	}
	if d.temporal != nil {
		d.temporal.Close()
	}
	if d.sql != nil {
		d.sql.Close()
	}
	var errs []error
	if d.stack != nil {
		errs = append(errs, d.stack.Stop(), pgserver.Remove(context.Background(), filepath.Join(d.dir, "data", "postgres")))
	}
	return errors.Join(append(errs, os.RemoveAll(d.dir))...)
}
