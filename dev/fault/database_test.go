package fault

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/ports"
	"github.com/lazi/lazisync/dev/postgres"
	"github.com/lazi/lazisync/dev/recording"
	"github.com/lazi/lazisync/internal/store"
	"github.com/lazi/lazisync/internal/testing/pgserver"
)

// prepare creates the tables and views, and calls watch.
func prepare(ctx context.Context, databaseURL string) error {
	s, err := store.Open(ctx, databaseURL, store.Options{})
	if err != nil {
		return err
	}
	defer s.Close()
	if _, err := s.Migrate(ctx); err != nil {
		return err
	}
	if _, err := s.MigrateViews(ctx, nil); err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, databaseURL)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	return watch(ctx, conn)
}

// watch begins the recording of a migrated database, and records in went_back each row whose modified_on
// decreases.
func watch(ctx context.Context, db recording.DB) error {
	if _, err := db.Exec(ctx, watchVersions+watchTables); err != nil {
		return err
	}
	return recording.Install(ctx, db)
}

const watchVersions = `
create table public.went_back (at timestamptz default clock_timestamp(), table_name text, st_id text, was timestamptz, became timestamptz);
create function public.watch_version() returns trigger language plpgsql as $$
begin
	if new.modified_on < old.modified_on then
		insert into public.went_back (table_name, st_id, was, became) values (tg_table_name, new.st_id::text, old.modified_on, new.modified_on);
	end if;
	return new;
end $$;`

const watchTables = `
do $$
declare name text;
begin
	for name in select table_name from information_schema.tables where table_schema = 'raw' and table_name like 'st\_%' loop
		execute format('create trigger watch_version before update on raw.%I for each row execute function public.watch_version()', name);
	end loop;
end $$`

// ownDatabase is a PostgreSQL for a test that kills or freezes it. Its commits are durable, as in
// production.
type ownDatabase struct {
	*pgserver.Server
	options pgserver.Options
}

// startDatabase starts a PostgreSQL in a folder, a temporary one where dir is empty.
func startDatabase(t *testing.T, dir string) *ownDatabase {
	t.Helper()
	if dir == "" {
		dir = t.TempDir()
	}
	return startDatabaseWith(t, pgserver.Options{Dir: dir})
}

func startDatabaseWith(t *testing.T, o pgserver.Options) *ownDatabase {
	t.Helper()
	free, err := ports.Free(1) // no other process selects it while the server is restarted
	require.NoError(t, err)
	o.Port, o.StopWithParent = free[0], true
	d := &ownDatabase{options: o}
	t.Cleanup(func() { // root's PostgreSQL keeps its data elsewhere
		require.NoError(t, pgserver.Remove(context.WithoutCancel(t.Context()), d.options.Dir))
	})
	d.start(t)
	t.Cleanup(func() {
		d.signalAll(syscall.SIGCONT)
		require.NoError(t, d.Stop())
	})
	return d
}

func (d *ownDatabase) start(t *testing.T) {
	t.Helper()
	require.NoError(t, d.launch())
}

func (d *ownDatabase) launch() (err error) {
	d.Server, err = postgres.Start(context.Background(), d.options)
	return err
}

// kill ends the postmaster as a crash does; its children see that and end too.
func (d *ownDatabase) kill() error {
	if err := syscall.Kill(d.Pid(), syscall.SIGKILL); err != nil {
		return err
	}
	<-d.Done()
	return d.Stop() // gives up the lock on its folder
}

// signalAll signals the postmaster and all its children.
func (d *ownDatabase) signalAll(s syscall.Signal) {
	if d.hasEnded() {
		return
	}
	_ = syscall.Kill(d.Pid(), s)
	for _, pid := range children(d.Pid()) {
		_ = syscall.Kill(pid, s)
	}
}

// children returns the PIDs of all descendants of a process.
func children(parent int) (pids []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it ended
		}
		// The state and the parent follow the name in brackets.
		fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
		if len(fields) > 1 && string(fields[1]) == strconv.Itoa(parent) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			pids = append(append(pids, pid), children(pid)...)
		}
	}
	return pids
}

func (d *ownDatabase) hasEnded() bool {
	select {
	case <-d.Done():
		return true
	default:
		return false
	}
}
