package doctor

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/lazi/lazisync/internal/config"
	"github.com/lazi/lazisync/internal/store"
)

func (d *Doctor) checkDatabase(ctx context.Context) (f findings) {
	if !d.isSet(&f, "database", "DATABASE_URL") {
		return f
	}
	s, err := d.OpenStore(ctx)
	if err != nil {
		f.fail("correct DATABASE_URL", "database", "%v", err)
		return f
	}
	defer s.Close()
	if err = s.CheckSupported(ctx); err != nil && store.FixOf(err) == "" {
		err = nil // Inspect reports more
	}
	var x store.Inspection
	if err == nil {
		x, err = s.Inspect(ctx, d.Role.Access)
	}
	if err != nil {
		fix := cmp.Or(store.FixOf(err), "start PostgreSQL, or correct DATABASE_URL")
		f.fail(fix, "database", "%s", strings.TrimSuffix(err.Error(), ": "+fix))
		return f
	}
	d.checkDatabaseServer(&f, x)
	f.skew("database clock", x.ClockSkew)
	d.checkTables(&f, x)
	if len(x.MissingPrivileges) == 0 && len(x.MissingObjects) == 0 {
		d.checkViews(ctx, &f, s)
		d.checkChanges(ctx, &f, s)
		if d.Role.ServiceTitan {
			d.checkFields(ctx, &f, s)
		}
	}
	d.checkFreshness(ctx, &f, s)
	d.checkRestores(ctx, &f, s)
	f.probe(ctx, DatabaseProbe(s, d.Role))
	return f
}

// recentRestores is how long the doctor reports that something was restored.
const recentRestores = 7 * 24 * time.Hour

func (d *Doctor) checkRestores(ctx context.Context, f *findings, s *store.Store) {
	found, err := s.Restores(ctx, recentRestores)
	if err != nil {
		return // missing tables are already reported
	}
	for _, r := range found {
		f.warn(restoreFix(r.Part), "restore", "%s: %s", r.FoundAt.UTC().Format(time.RFC3339), r.Detail)
	}
}

// restoreFix returns what to do after a restore of a server.
func restoreFix(server string) string {
	const see = "; see Restore in docs/operations.md"
	switch server {
	case "nats":
		return "publish again the commands that were published since the backup and have no answer" + see
	case "temporal":
		return "request again the syncs that failed with Terminated, and resume or pause schedules and runs as before" + see
	}
	return "request a full sync of all synced entities" + see
}

func (d *Doctor) checkDatabaseServer(f *findings, x store.Inspection) {
	encryption := "without TLS"
	if x.TLS {
		encryption = "with TLS"
	}
	detail := fmt.Sprintf("%s, %s, responds in %s", x.Summary(), encryption, milliseconds(x.RoundTrip))
	room := x.MaxConnections - x.Connections
	switch {
	case x.Version < store.MinVersion:
		f.fail("upgrade to PostgreSQL 15 or newer", "database", "%s", detail)
	case x.Encoding != "UTF8":
		f.fail("create the database with encoding UTF8", "database", "%s; its encoding is %s", detail, x.Encoding)
	case x.ReadOnly && d.Role.Access != store.AccessRead:
		f.fail("point DATABASE_URL at the primary", "database", "%s; it is read-only", detail)
	case room < int(d.Role.Connections):
		f.warn("raise max_connections, or use a pooler", "database", "%s; %s may open %d more connections", detail, d.Role.Name, d.Role.Connections)
	default:
		f.ok("database", "%s", detail)
	}
}

func (d *Doctor) checkTables(f *findings, x store.Inspection) {
	switch {
	case len(x.MissingPrivileges) > 0:
		f.fail("grant the role what deploy/README.md lists for "+d.Role.Name, "database permissions", "user %s cannot %s", x.User, firstOf(x.MissingPrivileges))
		return
	case len(x.MissingObjects) > 0:
		f.fail(fixMigrate, "tables", "the database lacks %s", firstOf(x.MissingObjects))
		return
	}
	f.ok("database permissions", "user %s has the permissions of lazisync %s", x.User, d.Role.Name)
	f.ok("tables", "match this version")
	const finish = "lazisync migrate --finish-adoption, once the legacy worker is gone"
	switch {
	case x.AdoptionError != nil:
		f.fail(finish, "adoption", "%v", x.AdoptionError)
	case x.AdoptionTenant != "":
		f.warn(finish, "adoption", "the SQL statements of the legacy worker still work for tenant %s; a second tenant is refused until the adoption is finished", x.AdoptionTenant)
	}
	if x.UnpublishedOutcomes > 0 {
		f.warn("start lazisync bridge, which publishes them", "outcomes", "%d finalized runs are not published", x.UnpublishedOutcomes)
	} else {
		f.ok("outcomes", "all published, %d open runs", x.OpenRuns)
	}
	if x.RejectedRecords > 0 {
		f.warn("see raw.rejected_records", "records", "%d records were rejected in the last day", x.RejectedRecords)
	} else {
		f.ok("records", "no records were rejected in the last day")
	}
}

// checkViews compares the views of schema st with this version. No role needs them.
func (d *Doctor) checkViews(ctx context.Context, f *findings, s *store.Store) {
	if !d.Config.Sync.Views {
		f.ok("views", "not checked, SYNC_VIEWS is off")
		return
	}
	changes, err := s.ViewChanges(ctx, d.TimeZones)
	switch {
	case err != nil:
		f.warn(cmp.Or(store.FixOf(err), fixMigrate), "views", "%v", err)
	case len(changes) > 0:
		f.warn(fixMigrate, "views", "lazisync migrate has to change %s", firstOf(changes))
	default:
		f.ok("views", "match this version")
	}
}

// checkChanges compares the triggers of raw.changes with SYNC_CHANGES.
func (d *Doctor) checkChanges(ctx context.Context, f *findings, s *store.Store) {
	tables, err := s.MismatchedTriggers(ctx)
	switch {
	case err != nil:
		f.warn(store.FixOf(err), "changes", "%v", err)
	case len(tables) > 0 && d.Config.Sync.Changes:
		f.warn(fixMigrate, "changes", "SYNC_CHANGES is on, but changes are not recorded of %s", firstOf(tables))
	case len(tables) > 0:
		f.warn(fixMigrate, "changes", "SYNC_CHANGES is off, but changes are recorded of %s", firstOf(tables))
	case d.Config.Sync.Changes:
		f.ok("changes", "recorded in raw.changes, kept for %s", config.Days(d.Config.Sync.ChangesKeep))
	default:
		f.ok("changes", "not recorded, SYNC_CHANGES is off")
	}
}

// firstOf lists the first four of many names.
func firstOf(all []string) string {
	const few = 4
	if len(all) <= few {
		return strings.Join(all, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(all[:few], ", "), len(all)-few)
}

// milliseconds returns a duration in milliseconds with one decimal.
func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
}
