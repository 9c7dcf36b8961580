package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/config"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
)

// Source is the CloudEvents source of what the commands publish.
const Source = ledger.CLISource

// RequestOptions are those of `lazisync request`.
type RequestOptions struct {
	Mode         string
	Entities     []string
	IDs          []events.RecordID // of a refresh
	Since        *time.Time        // likewise
	TenantID     string
	Notify       *bool
	Channel      string
	AllowDeletes bool
	Reason       string

	ID   string // of the event; "" for a random one
	Wait bool   // for the outcome
	JSON bool   // print JSON, one object a line
}

func (o RequestOptions) data() events.RequestData {
	return events.RequestData{
		Mode: events.Mode(o.Mode), Entities: o.Entities, IDs: o.IDs, Since: o.Since, TenantID: o.TenantID, Notify: o.Notify,
		Channel: o.Channel, AllowDeletes: o.AllowDeletes, Reason: o.Reason,
	}
}

// SplitEntities splits the values of --entities as SYNC_ENTITIES is split: names separated by
// commas, or * for all.
func SplitEntities(values []string) ([]string, error) {
	if len(values) == 0 {
		return nil, nil
	}
	return events.SplitEntities(strings.Join(values, ","))
}

// checkTenantID returns an error if a tenant ID is malformed. "" means no tenant.
func checkTenantID(id events.TenantID) error {
	if _, err := events.ParseTenantID(string(id)); id != "" && err != nil {
		return fmt.Errorf("--tenant: %w", err)
	}
	return nil
}

// Request publishes sync.requested. With Wait it shows progress until the outcome, whose
// exit code the error has.
func Request(ctx context.Context, b Backends, cfg *config.Config, o RequestOptions, out io.Writer) error {
	o.ID = cmp.Or(o.ID, uuid.NewString())
	e, err := events.Requested.New(events.Attributes{ID: o.ID, Source: Source, Time: time.Now()}, o.data())
	if err == nil {
		_, _, err = events.Validator{Tenants: cfg.TenantIDs(), Entities: entity.Names(), Refreshes: ledger.Refreshes(), Now: time.Now()}.Request(e)
	}
	if err != nil {
		return UsageError(err)
	}
	conn, err := b.Stream(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	requestID := events.RequestID(Source, o.ID)
	publish := func() error { return conn.PublishCommand(ctx, e) }
	if !o.Wait {
		if err := publish(); err != nil {
			return err
		}
		return printAnswer(out, o.JSON, map[string]string{"requestId": requestID}, "requested "+requestID)
	}
	if !o.JSON {
		fmt.Fprintf(out, "requested  %s\n", requestID)
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	code, err := waitForOutcome(ctx, conn, requestID, newView(out, o.JSON), publish)
	if err != nil {
		return err
	}
	if code != ExitCompleted {
		return &ExitError{Code: code}
	}
	return nil
}

// newView returns bars for a terminal and lines for everything else.
func newView(out io.Writer, asJSON bool) view {
	if asJSON {
		return jsonView{out}
	}
	if movesCursor(out) {
		return newBarsView(out)
	}
	return newLinesView(out)
}
