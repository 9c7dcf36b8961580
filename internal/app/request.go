package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"
	"golang.org/x/term"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/config"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/stream"
	"github.com/lazi/lazisync/workflows"
)

// CLISource is the source of events that lazisync's own commands publish.
const CLISource = "/lazisync/cli"

// RequestOptions are those of `lazisync request`.
type RequestOptions struct {
	Mode         string
	Entities     []string
	TenantID     string
	Notify       *bool
	Channel      string
	AllowDeletes bool
	Reason       string

	ID   string // of the event; a random one when empty
	Wait bool
	JSON bool
}

func (o RequestOptions) data() events.RequestData {
	return events.RequestData{
		Mode: events.Mode(o.Mode), Entities: o.Entities, TenantID: o.TenantID, Notify: o.Notify,
		Channel: o.Channel, AllowDeletes: o.AllowDeletes, Reason: o.Reason,
	}
}

// EntitiesOption reads the values of --entities as SYNC_ENTITIES is read: names separated
// by commas, or * for all.
func EntitiesOption(values []string) ([]string, error) {
	if len(values) == 0 {
		return nil, nil
	}
	names, err := events.ParseEntities(strings.Join(values, ","), entity.Names())
	if err != nil {
		return nil, errors.New(strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return names, nil
}

// CheckControlID returns an error where nothing that can be controlled has such an ID.
func CheckControlID(id string) error {
	const want = "want a workflow ID or a request ID, as lazisync status shows them"
	switch {
	case strings.TrimSpace(id) == "":
		return errors.New("got nothing, " + want)
	case strings.HasPrefix(id, workflows.SchedulePrefix):
		return fmt.Errorf("got %q, which is a schedule, %s; lazisync schedules pauses and resumes schedules", id, want)
	case !config.IsName(id):
		return fmt.Errorf("got %q, %s", id, want)
	}
	if _, isEntity := entity.Find(id); isEntity {
		return fmt.Errorf("got %q, which is an entity, %s", id, want)
	}
	for _, mode := range events.Modes() {
		form, described := requestIDForm, "the 20 hexadecimal digits of a request ID"
		if mode.PerTenant {
			form, described = tenantIDForm, "the number of a tenant"
		}
		rest, has := strings.CutPrefix(id, mode.WorkflowIDPrefix)
		if has && !form.MatchString(rest) {
			return fmt.Errorf("got %q, want %s… with %s", id, mode.WorkflowIDPrefix, described)
		}
		if rest, would := strings.CutPrefix(strings.ToLower(id), mode.WorkflowIDPrefix); would && !has && form.MatchString(rest) {
			return fmt.Errorf("got %q, want %s, in lower case", id, strings.ToLower(id))
		}
	}
	return nil
}

var (
	requestIDForm = regexp.MustCompile("^[0-9a-f]{20}$")
	tenantIDForm  = regexp.MustCompile("^[1-9][0-9]*$")
)

// checkTenant returns an error where a request names no tenant that there can be, or none
// of those that are configured where the command runs.
func checkTenant(c *Config, id string) error {
	if err := checkTenantID(id); err != nil || len(c.Tenants) == 0 {
		return err
	}
	ids := c.TenantIDs()
	if id == "" && len(ids) > 1 {
		return fmt.Errorf("--tenant: got nothing, want one of %s", strings.Join(ids, ", "))
	}
	if id != "" && !slices.Contains(ids, id) {
		return fmt.Errorf("--tenant: got %q, want a configured tenant: %s", id, strings.Join(ids, ", "))
	}
	return nil
}

// checkTenantID returns an error where there can be no tenant with such an ID; "" is none.
func checkTenantID(id string) error {
	if _, err := strconv.ParseUint(id, 10, 63); id != "" && err != nil {
		return fmt.Errorf("--tenant: got %q, want a number, as ServiceTitan's tenant IDs are", id)
	}
	return nil
}

// Request publishes sync.requested and, if asked to, shows what becomes of it until it
// is decided. The exit code is that of the outcome.
func Request(ctx context.Context, cfg *Config, o RequestOptions, out io.Writer) error {
	if err := checkTenant(cfg, o.TenantID); err != nil {
		return usage(err)
	}
	if o.ID == "" {
		o.ID = uuid.NewString()
	}
	e, err := events.Requested.New(events.Attributes{ID: o.ID, Source: CLISource, Time: time.Now()}, o.data())
	if err != nil {
		return usage(err)
	}
	conn, err := connect(ctx, cfg)
	if err != nil {
		return err
	}
	defer conn.Close()
	requestID := events.RequestID(CLISource, o.ID)
	publish := func() error { return conn.PublishCommand(ctx, e) }
	if !o.Wait {
		if err := publish(); err != nil {
			return err
		}
		return said(out, o.JSON, map[string]string{"requestId": requestID}, "requested "+requestID)
	}
	if !o.JSON {
		fmt.Fprintf(out, "requested  %s\n", requestID)
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	code, err := wait(ctx, conn, requestID, newView(out, o.JSON), publish)
	if err != nil {
		return err
	}
	if code != ExitCompleted {
		return &ExitError{Code: code}
	}
	return nil
}

// Control publishes sync.control. The id is a workflow ID, a request ID or, where only one
// request has it, the id of its event.
func Control(ctx context.Context, cfg *Config, action, id, reason string, out io.Writer) error {
	data := events.ControlData{Action: events.Action(action), Reason: reason, Actor: os.Getenv("USER")}
	patience := answerTime
	if workflows.IsWorkflowID(id) {
		data.WorkflowID = id
	} else {
		data.RequestID, patience = id, keptTime
	}
	eventID := uuid.NewString()
	e, err := events.Control.New(events.Attributes{ID: eventID, Source: CLISource, Time: time.Now()}, data)
	if err != nil {
		return usage(err)
	}
	conn, err := connect(ctx, cfg)
	if err != nil {
		return err
	}
	defer conn.Close()
	return answerTo(ctx, conn, events.RequestID(CLISource, eventID), e, action, patience, out)
}

const (
	// answerTime is how long a bridge that runs needs at most to answer a control.
	answerTime = 10 * time.Second
	// keptTime is how long it keeps one for a request that has not come, and answerTime.
	keptTime = 30*time.Second + answerTime
)

// answerTo publishes a control and waits for the bridge's answer, as long as that can take.
func answerTo(
	ctx context.Context, conn *stream.Conn, requestID string, e events.Event, action string, patience time.Duration, out io.Writer,
) error {
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	answer := make(chan error, 1)
	tell := func(err error) {
		select {
		case answer <- err:
		default:
		}
	}
	err := conn.Subscribe(ctx, []string{events.Accepted.Subject, events.Rejected.Subject}, stream.StartPosition{}, func(m events.Message) {
		e, err := events.Decode(m)
		if err != nil {
			return
		}
		if d, err := events.Accepted.Data(e); e.Type() == events.Accepted.Name && err == nil && d.RequestID == requestID {
			fmt.Fprintf(out, "%s sent to %s\n", action, d.WorkflowID)
			tell(nil)
		}
		if d, err := events.Rejected.Data(e); e.Type() == events.Rejected.Name && err == nil && d.RequestID == requestID {
			printRejected(out, d)
			tell(&ExitError{Code: ExitRejected})
		}
	})
	if err != nil {
		return err
	}
	if err := conn.PublishCommand(ctx, e); err != nil {
		return err
	}
	var late <-chan time.Time
	if patience > answerTime {
		late = time.After(answerTime / 2)
	}
	for {
		select {
		case err := <-answer:
			return err
		case <-late:
			fmt.Fprintln(out, "no answer yet: a control of a request that has not come is kept for 30 s")
		case <-ctx.Done():
			if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return errors.New("the control is in the stream, and its answer was not waited for")
			}
			return fmt.Errorf("the control is in the stream, and no bridge has answered it within %s: is one running?", patience)
		}
	}
}

// connect connects to NATS, with its streams declared, for a command that a person
// waits for.
func connect(ctx context.Context, cfg *Config) (*stream.Conn, error) {
	return connectFor(ctx, cfg, true)
}

// connectServer connects to a NATS that may have no streams yet.
func connectServer(ctx context.Context, cfg *Config) (*stream.Conn, error) {
	return connectFor(ctx, cfg, false)
}

func connectFor(ctx context.Context, cfg *Config, ready bool) (*stream.Conn, error) {
	conn, err := openNATS(cfg.NATS, "cli", zerolog.Nop())
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithTimeout(ctx, 5*time.Second)
	defer stop()
	for {
		err := conn.Ready(ctx)
		if err == nil || (!ready && !errors.Is(err, stream.ErrDisconnected)) {
			return conn, nil
		}
		select {
		case <-ctx.Done():
			conn.Close()
			return nil, fmt.Errorf("NATS at %s: %w", cfg.Value("NATS_URL").Text, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// newView picks bars for a terminal and lines for everything else.
func newView(out io.Writer, asJSON bool) view {
	if asJSON {
		return jsonView{out}
	}
	if isTerminal(out) {
		return newBarsView(out)
	}
	return newLinesView(out)
}

func isTerminal(out io.Writer) bool {
	f, ok := out.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// said prints an answer for a person or a program.
func said(out io.Writer, asJSON bool, data any, text string) error {
	if asJSON {
		return json.NewEncoder(out).Encode(data)
	}
	_, err := fmt.Fprintln(out, text)
	return err
}

// usage marks an error as wrong usage.
func usage(err error) error {
	var exit *ExitError
	if errors.As(err, &exit) {
		return err
	}
	return &ExitError{Code: ExitUsage, Message: err.Error()}
}
