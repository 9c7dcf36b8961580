package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/lazi/lazisync/dev/compare"
	"github.com/lazi/lazisync/dev/fakeslack"
	"github.com/lazi/lazisync/dev/stack"
	"github.com/lazi/lazisync/internal/cli"
	"github.com/lazi/lazisync/internal/commands"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/simulator"
	"github.com/lazi/lazisync/internal/store"
)

const (
	demoRecords  = 25_000
	slackPatient = time.Minute
	changeEvery  = time.Second // interval of simulated changes
)

// exitInterrupted is the exit code of shells after Ctrl-C.
const exitInterrupted = 130

func (c *setup) demo() *cobra.Command {
	var once bool
	var records int
	cmd := &cobra.Command{
		Use: "demo", Short: "Copy a simulated tenant, compare every row, and keep running", Args: noArguments,
		Long: "Starts everything with empty data in its own folder, requests a full sync as another\n" +
			"system would, compares every row with the simulated ServiceTitan and stays up while its\n" +
			"business keeps changing. With --once it exits instead: 0 if everything matched.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if records <= 0 {
				return cli.UsageError(fmt.Errorf("--records: got %d, want a number above 0", records))
			}
			return c.runDemo(cmd.Context(), records, once)
		},
	}
	cmd.Flags().BoolVar(&once, "once", false, "exit after the comparison, with 0 only if everything matched")
	cmd.Flags().IntVar(&records, "records", demoRecords, "records of each entity")
	return cmd
}

func (c *setup) runDemo(ctx context.Context, records int, once bool) (err error) {
	fmt.Fprint(c.out, "Starting what lazisync works with, all on 127.0.0.1:\n\n")
	r, err := start(ctx, c.out, orDefault(c.dir, demoDir), stack.Options{
		Fresh: true, Environ: c.environ, Isolated: true, FreePorts: c.free, Webhooks: true,
		Simulator: simulator.Options{RecordsPerEntity: records, Seed: 1},
	})
	if err != nil {
		return interrupted(ctx, err)
	}
	defer func() { err = errors.Join(err, r.stop()) }()
	if ignored := r.stack.Ignored; len(ignored) > 0 {
		fmt.Fprintf(c.out, "\nThe demo writes only to what it started itself and ignores %s.\n", strings.Join(ignored, ", "))
	}
	if err := r.fullSync(ctx, records); err != nil {
		return interrupted(ctx, err)
	}
	proof := r.compareRows(ctx)
	if once || ctx.Err() != nil {
		return interrupted(ctx, proof)
	}
	return errors.Join(proof, r.keepRunning(ctx))
}

// interrupted returns an error with the exit code of Ctrl-C if ctx was cancelled, else err.
func interrupted(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return &cli.ExitError{Code: exitInterrupted, Message: "interrupted"}
	}
	return err
}

// fullSync publishes sync.requested for a full sync, as another system would, and displays its
// progress.
func (r *running) fullSync(ctx context.Context, records int) error {
	names := r.cfg.Tenants[0].Entities
	fmt.Fprintf(r.out, "\nlazisync is up, after %.1f s. Now publishing sync.requested {\"mode\":\"full\"}: %d × %s records.\n\n",
		r.startedAfter().Seconds(), len(names), thousands(records))
	r.logs.mute() // warnings would break the progress bars; the file has them
	defer r.logs.unmute()
	if err := cli.Request(ctx, commands.Backends(r.cfg), r.cfg, cli.RequestOptions{Mode: "full", Wait: true}, r.out); err != nil {
		return fmt.Errorf("the full sync did not complete, see %s: %w", r.logPath, err)
	}
	return nil
}

// compareRows compares every row with the simulator and prints the Slack message.
func (r *running) compareRows(ctx context.Context) error {
	fmt.Fprint(r.out, "\nComparing every row in PostgreSQL with what ServiceTitan has, value by value:\n\n")
	db, err := store.Open(ctx, string(r.cfg.DatabaseURL), store.Options{Logger: r.logs.file()})
	if err != nil {
		return err
	}
	defer db.Close()
	began := time.Now()
	if err := r.analyze(ctx); err != nil {
		return err
	}
	results, err := compare.Entities(ctx, r.cfg.ServiceTitan.APIURL, db, string(r.cfg.Tenants[0].ID), r.cfg.Tenants[0].Entities)
	if err != nil {
		return err
	}
	equal, matched := 0, true
	for _, one := range results {
		r.printResult(one)
		equal += one.Equal
		matched = matched && one.Matched() && one.Records > 0
	}
	if !matched {
		return errors.New("PostgreSQL does not hold what ServiceTitan has, see the differences above")
	}
	fmt.Fprintf(r.out, "\n  All %s rows are equal (compared in %.1f s).\n", thousands(equal), time.Since(began).Seconds())
	return r.showSlack(ctx)
}

// analyze updates the statistics of tables that were filled seconds ago. Without them
// PostgreSQL would sort a whole table for every few thousand rows of the comparison. Autovacuum
// does that later.
func (r *running) analyze(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, string(r.cfg.DatabaseURL))
	if err != nil {
		return fmt.Errorf("connect to the database: %w", err)
	}
	defer conn.Close(ctx)
	for _, name := range r.cfg.Tenants[0].Entities {
		e, _ := entity.Find(name) // the configuration is validated
		if _, err := conn.Exec(ctx, "analyze raw."+e.Table()); err != nil {
			return fmt.Errorf("analyze %s: %w", e.Table(), err)
		}
	}
	return nil
}

func (r *running) printResult(one compare.Result) {
	comparison := "all equal"
	if !one.Matched() {
		comparison = thousands(one.Equal) + " equal"
	}
	fmt.Fprintf(r.out, "  %-12s %s records, %s rows, %s\n", one.Entity, thousands(one.Records), thousands(one.Rows), comparison)
	for _, d := range one.Differences {
		fmt.Fprintf(r.out, "    %s\n", d)
	}
}

func (r *running) showSlack(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, slackPatient)
	defer cancel()
	m, err := r.stack.Slack.Await(ctx, func(m fakeslack.Message) bool { return strings.Contains(m.Text, "Full sync") })
	if err != nil {
		return fmt.Errorf("the notifier sent nothing to Slack: %w", err)
	}
	fmt.Fprintf(r.out, "  Slack message in %s: %q\n", m.Channel, m.Text)
	return nil
}

// keepRunning changes simulated records until ctx ends and prints the syncs that their webhooks
// trigger.
func (r *running) keepRunning(ctx context.Context) error {
	fmt.Fprintln(r.out)
	r.printLinks()
	r.printTry()
	fmt.Fprint(r.out, "\nSimulated records keep changing, and webhooks trigger incremental syncs. Ctrl-C stops everything.\n\n")
	watching, cancel := context.WithCancel(ctx)
	defer cancel()
	unfollow, err := r.followOutcomes(watching)
	if err != nil {
		return err
	}
	defer unfollow()
	go r.stack.Simulator.Run(watching, changeEvery)
	return r.wait(ctx)
}
