package app

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/lazi/lazisync/internal/store"
)

func (d *doctor) examineDatabase(ctx context.Context) (f findings) {
	if !d.set(&f, "database", "DATABASE_URL") {
		return f
	}
	s, err := store.Open(ctx, string(d.cfg.DatabaseURL), store.Options{
		MaxConns: 2, Application: "lazisync doctor", Tenants: d.cfg.TenantIDs(), Logger: d.log,
	})
	if err != nil {
		f.fail("correct DATABASE_URL", "database", "%v", err)
		return f
	}
	defer s.Close()
	if err = s.CheckSupported(ctx); err != nil && store.FixOf(err) == "" {
		err = nil // the examination says more
	}
	var x store.Inspection
	if err == nil {
		x, err = s.Inspect(ctx, d.role.access())
	}
	if err != nil {
		fix, detail := store.FixOf(err), err.Error()
		if fix == "" {
			fix = "start PostgreSQL, or correct DATABASE_URL"
		}
		f.fail(fix, "database", "%s", strings.TrimSuffix(detail, ": "+fix))
		return f
	}
	d.judgeServer(&f, x)
	f.skew("database clock", x.Skew)
	d.judgeTables(&f, x)
	d.judgeRestores(ctx, &f, s)
	f.proved(ctx, databaseProbe(s, d.role))
	return f
}

// restoresShown is how long the doctor shows that something was restored.
const restoresShown = 7 * 24 * time.Hour

func (d *doctor) judgeRestores(ctx context.Context, f *findings, s *store.Store) {
	found, err := s.Restores(ctx, restoresShown)
	if err != nil {
		return // what the database lacks is reported already
	}
	for _, r := range found {
		f.warn("see docs/operations.md, Restore; request a full sync of what changed since", "restore", "%s: %s", r.FoundAt.UTC().Format(time.RFC3339), r.Detail)
	}
}

func (d *doctor) judgeServer(f *findings, x store.Inspection) {
	encryption := "without TLS"
	if x.TLS {
		encryption = "with TLS"
	}
	detail := fmt.Sprintf("%s, %s, answers in %s", x.Summary(), encryption, brief(x.Answers))
	room := x.MaxConnections - x.Connections
	switch {
	case x.Version < store.MinVersion:
		f.fail("move to PostgreSQL 15 or newer", "database", "%s", detail)
	case x.Encoding != "UTF8":
		f.fail("make the database with encoding UTF8", "database", "%s; its encoding is %s", detail, x.Encoding)
	case x.ReadOnly && d.role.access() != store.AccessRead:
		f.fail("point DATABASE_URL at the primary", "database", "%s; it is read only", detail)
	case room < int(d.role.connections):
		f.warn("raise max_connections, or put a pooler in between", "database", "%s; %s may want %d more", detail, d.role.Name, d.role.connections)
	default:
		f.ok("database", "%s", detail)
	}
}

func (d *doctor) judgeTables(f *findings, x store.Inspection) {
	switch {
	case len(x.Denied) > 0:
		f.fail("grant the role what deploy/README.md lists for "+d.role.Name, "database permissions", "user %s may not %s", x.User, some(x.Denied))
		return
	case len(x.Missing) > 0:
		f.fail(mendMigrate, "tables", "the database lacks %s", some(x.Missing))
		return
	}
	f.ok("database permissions", "user %s may do what lazisync %s does", x.User, d.role.Name)
	f.ok("tables", "as this version needs them")
	const finish = "lazisync migrate --finish-adoption, when nothing uses the earlier worker's statements any more"
	switch {
	case x.Refused != nil:
		f.fail(finish, "adoption", "%v", x.Refused)
	case x.AdoptedFor != "":
		f.warn(finish, "adoption", "an earlier worker's statements go on working for tenant %s, and there is no second tenant until then", x.AdoptedFor)
	}
	if x.Unpublished > 0 {
		f.warn("start lazisync bridge: it publishes them", "outcomes", "%d decided runs are not known to be published", x.Unpublished)
	} else {
		f.ok("outcomes", "all published, %d runs under way", x.Unfinalized)
	}
	if x.Rejected > 0 {
		f.warn("look into raw.rejected_records", "records", "%s could not be stored in the last day", thousands(int64(x.Rejected)))
	} else {
		f.ok("records", "none was rejected in the last day")
	}
}

// some lists the first few of many.
func some(all []string) string {
	const few = 4
	if len(all) <= few {
		return strings.Join(all, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(all[:few], ", "), len(all)-few)
}

// brief writes a short time so that people can compare it.
func brief(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }
