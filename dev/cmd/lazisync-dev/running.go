package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/rs/zerolog"

	"github.com/lazi/lazisync/dev/datadir"
	"github.com/lazi/lazisync/dev/stack"
	"github.com/lazi/lazisync/internal/app"
	"github.com/lazi/lazisync/internal/cli"
	"github.com/lazi/lazisync/internal/commands"
	"github.com/lazi/lazisync/internal/config"
)

// running is lazisync and its stack of servers in this process.
type running struct {
	out     io.Writer
	began   time.Time
	dir     string
	logPath string
	folder  *datadir.Dir
	logs    *logs
	stack   *stack.Stack
	cfg     *config.Config
	at      app.Started
	ready   time.Time

	cancel context.CancelFunc
	ended  chan struct{} // closed when lazisync has stopped
	err    error         // of lazisync; valid after ended is closed
}

// readyLimit is the maximum time until lazisync is ready, also on a busy machine.
const readyLimit = time.Minute

// start starts everything and returns when it is ready. On an error it stops what it started.
func start(ctx context.Context, out io.Writer, dir string, o stack.Options) (_ *running, err error) {
	// Report errors of the configuration before anything is started.
	if !o.Isolated {
		if _, err := app.Load(o.Environ, app.ToolRole); err != nil {
			return nil, cli.UsageError(err)
		}
	}
	r := &running{out: out, began: time.Now(), dir: dir}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.stop())
		}
	}()
	if r.folder, err = datadir.Open(dir); err != nil {
		return nil, err
	}
	if err := r.folder.Announce(nil); err != nil { // so that a second start can name us already
		return nil, err
	}
	r.logPath = filepath.Join(dir, "lazisync.log")
	if r.logs, err = openLogs(r.logPath, out); err != nil {
		return nil, err
	}
	o.Dir, o.Log = dir, r.logs.file()
	o.Ready = r.printService
	if r.stack, err = stack.Start(ctx, o); err != nil {
		return nil, err
	}
	if err := r.serve(ctx); err != nil {
		return nil, err
	}
	r.ready = time.Now()
	return r, r.announce()
}

func (r *running) printService(s stack.Service) {
	note := s.Note
	switch s.From {
	case "":
		fmt.Fprintf(r.out, "  %-14s %s\n", s.Name, note)
		return
	case stack.Embedded:
	default:
		s.Address = "configured by " + s.From
	}
	if note != "" {
		note = "  (" + note + ")"
	}
	fmt.Fprintf(r.out, "  %-14s %s%s\n", s.Name, s.Address, note)
}

// serve migrates, runs all roles and waits until they are ready.
func (r *running) serve(ctx context.Context) (err error) {
	if r.cfg, err = app.Load(r.stack.Environ(), app.ServeRole); err != nil {
		return cli.UsageError(err)
	}
	log := r.logs.everywhere()
	if err := commands.Migrate(ctx, r.cfg, cli.MigrateOptions{}, log, io.Discard); err != nil {
		return err
	}
	serving, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r.cancel, r.ended = cancel, make(chan struct{})
	started := make(chan app.Started, 1)
	go func() {
		defer close(r.ended)
		r.err = app.Run(serving, r.cfg, app.ServeRole, log, func(at app.Started) { started <- at })
	}()
	select {
	case r.at = <-started:
	case <-r.ended:
		return r.endedEarly()
	}
	if err := r.awaitReady(ctx); err != nil {
		return err
	}
	r.logs.unmute()
	return nil
}

func (r *running) endedEarly() error {
	if r.err != nil {
		return fmt.Errorf("lazisync ended: %w", r.err)
	}
	return errors.New("lazisync ended by itself")
}

// awaitReady polls /readyz until every check passes.
func (r *running) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	url := "http://" + r.at.Admin + "/readyz"
	for {
		answer, err := fetch(ctx, url)
		if err == nil {
			return nil
		}
		select {
		case <-r.ended:
			return r.endedEarly()
		case <-ctx.Done():
			return fmt.Errorf("lazisync is not ready: %s answered %s: %w; see %s", url, answer, err, r.logPath)
		case <-tick.C:
		}
	}
}

// fetch returns the body of a response, and an error unless the status is 200.
func fetch(ctx context.Context, url string) (answer string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "nothing", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 4096))
	if err == nil && response.StatusCode != http.StatusOK {
		err = errors.New(response.Status)
	}
	return string(body), err
}

func (r *running) startedAfter() time.Duration { return r.ready.Sub(r.began) }

// links returns the addresses to display.
func (r *running) links() []datadir.Link {
	links := []datadir.Link{{Name: "dashboard", URL: r.stack.GatewayURL()}}
	if url := r.stack.TemporalUIURL(); url != "" {
		links = append(links, datadir.Link{Name: "workflows", URL: url})
	}
	if r.stack.Slack != nil {
		links = append(links, datadir.Link{Name: "Slack messages", URL: r.stack.Slack.MessagesURL()})
	}
	return append(links, datadir.Link{Name: "metrics", URL: "http://" + r.at.Admin + "/metrics"})
}

// announce stores the addresses for a second start and for the other commands.
func (r *running) announce() error {
	if err := writeEnv(r.folder.Path(envFile), r.stack); err != nil {
		return err
	}
	return r.folder.Announce(r.links())
}

// wait returns nil when ctx ends, and an error if lazisync ends before.
func (r *running) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-r.ended:
		return r.endedEarly()
	}
}

// stop stops lazisync, then its servers, and releases the data folder.
func (r *running) stop() error {
	var errs []error
	began := time.Now()
	if r.cancel != nil {
		r.logs.mute() // closed connections are expected now
		if !r.ready.IsZero() {
			fmt.Fprintln(r.out, "\nstopping …")
		}
		r.cancel()
		<-r.ended
	}
	if r.stack != nil {
		errs = append(errs, r.stack.Stop())
	}
	if r.folder != nil {
		errs = append(errs, os.RemoveAll(r.folder.Path(envFile)), r.folder.Close())
	}
	if !r.ready.IsZero() {
		fmt.Fprintf(r.out, "stopped after %.1f s, nothing is left running\n", time.Since(began).Seconds())
	}
	return errors.Join(errs...)
}

// logs writes to the log file, and warnings also to the terminal. The file stays open until the
// process ends, because servers log after they were stopped.
type logs struct {
	to       *os.File
	terminal *terminalLog
}

const keepLog = 10 << 20 // bytes; the next start renames a larger log

func openLogs(path string, out io.Writer) (*logs, error) {
	if info, err := os.Stat(path); err == nil && info.Size() > keepLog {
		if err := os.Rename(path, path+".old"); err != nil {
			return nil, err
		}
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	return &logs{to: file, terminal: &terminalLog{out: out, quiet: true, printed: map[string]time.Time{}}}, nil
}

// file returns a logger that writes only to the file.
func (l *logs) file() zerolog.Logger { return zerolog.New(l.to).With().Timestamp().Logger() }

// everywhere returns a logger that also prints warnings and errors to the terminal.
func (l *logs) everywhere() zerolog.Logger {
	return zerolog.New(zerolog.MultiLevelWriter(l.to, l.terminal)).Level(zerolog.InfoLevel).With().Timestamp().Logger()
}

func (l *logs) unmute() { l.terminal.set(false) }
func (l *logs) mute()   { l.terminal.set(true) }
