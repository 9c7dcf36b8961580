package stack

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/lazi/lazisync/dev/fakeslack"
	"github.com/lazi/lazisync/dev/ports"
	"github.com/lazi/lazisync/internal/simulator"
)

// simulated is the running simulated ServiceTitan: its API, its webhooks and the
// journal that keeps its changes.
type simulated struct {
	*simulator.Simulator
	cancel context.CancelFunc
	jobs   sync.WaitGroup
	err    error // of the API, once jobs are done
}

func (s *Stack) startServiceTitan(context.Context) error {
	folder := s.path("servicetitan")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("simulated ServiceTitan: %w", err)
	}
	secret, err := keepSecret(s.path("servicetitan", "webhook-secret"))
	if err != nil {
		return err
	}
	options := s.options.Simulator
	options.Logger = s.log("servicetitan")
	if err := keepFounding(s.path("servicetitan", "company.json"), &options); err != nil {
		return err
	}
	one := &simulated{Simulator: simulator.New(options)}
	if err := one.KeepJournal(s.path("servicetitan", "journal")); err != nil {
		return fmt.Errorf("simulated ServiceTitan: %w", err)
	}
	var hooks *simulator.Webhooks
	if s.options.Webhooks {
		hooks = simulator.NewWebhooks(simulator.WebhookOptions{
			URL: s.GatewayURL() + "/webhooks/servicetitan", Secret: secret, Tenant: options.Tenant, Logger: s.log("servicetitan"),
		})
		one.OnChange(hooks.Notify)
	}
	addr := ports.Addr(s.places.simulator.Number)
	s.serveSimulated(one, hooks)
	s.adopt(serviceTitan, simulatedVariables("http://"+addr, secret, options))
	s.tell(Service{
		Name: serviceTitan.name, Address: "http://" + addr, From: Embedded,
		Note: join(fmt.Sprintf("simulated, %d records of each entity at first", options.RecordsPerEntity), s.places.simulator.Note),
	})
	return nil
}

func (s *Stack) serveSimulated(one *simulated, hooks *simulator.Webhooks) {
	ctx, cancel := context.WithCancel(context.Background())
	one.cancel = cancel
	listener := s.places.simulator.listener()
	one.jobs.Go(func() { one.err = one.Serve(ctx, listener) })
	if hooks != nil {
		one.jobs.Go(func() { hooks.Run(ctx) })
	}
	s.simulated, s.Simulator = one, one.Simulator
}

func (s *simulated) stop() error {
	s.cancel()
	s.jobs.Wait()
	return errors.Join(s.err, s.CloseJournal())
}

// simulatedVariables are how lazisync gets into the simulated ServiceTitan.
func simulatedVariables(url, webhookSecret string, o simulator.Options) map[string]string {
	or := func(text, fallback string) string {
		if text == "" {
			return fallback
		}
		return text
	}
	tenant := int64(simulator.DefaultTenant)
	if o.Tenant != 0 {
		tenant = o.Tenant
	}
	return map[string]string{
		"SERVICETITAN_API_URL":        url,
		"SERVICETITAN_AUTH_URL":       url,
		"SERVICETITAN_TENANT_ID":      strconv.FormatInt(tenant, 10),
		"SERVICETITAN_CLIENT_ID":      or(o.ClientID, simulator.DefaultClientID),
		"SERVICETITAN_CLIENT_SECRET":  or(o.ClientSecret, simulator.DefaultClientSecret),
		"SERVICETITAN_APP_KEY":        or(o.AppKey, simulator.DefaultAppKey),
		"SERVICETITAN_WEBHOOK_SECRET": webhookSecret,
	}
}

// keepSecret returns the secret in a file, a new random one if there is none yet.
func keepSecret(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err == nil && len(text) > 0 {
		return strings.TrimSpace(string(text)), nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("webhook secret: %w", err)
	}
	secret := rand.Text() + rand.Text() // ServiceTitan wants at least 32 characters
	if err := os.WriteFile(path, []byte(secret+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("webhook secret: %w", err)
	}
	return secret, nil
}

// founding is what a simulated company began with. It cannot change later: the journal
// holds changes to just these records.
type founding struct {
	Seed    int64 `json:"seed"`
	Records int   `json:"recordsPerEntity"`
}

// keepFounding fills in what the folder's company began with, or writes it down.
func keepFounding(path string, o *simulator.Options) error {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if o.RecordsPerEntity == 0 {
			o.RecordsPerEntity = DefaultRecords
		}
		text, err := json.Marshal(founding{o.Seed, o.RecordsPerEntity})
		if err != nil {
			return fmt.Errorf("simulated ServiceTitan: %w", err)
		}
		return os.WriteFile(path, append(text, '\n'), 0o600)
	}
	var kept founding
	if err == nil {
		err = json.Unmarshal(text, &kept)
	}
	if err != nil {
		return fmt.Errorf("simulated ServiceTitan: read %s: %w", path, err)
	}
	if o.RecordsPerEntity != 0 && o.RecordsPerEntity != kept.Records {
		return fmt.Errorf("the data folder keeps a simulated company of %d records of each entity, not %d: begin anew with --fresh", kept.Records, o.RecordsPerEntity)
	}
	o.Seed, o.RecordsPerEntity = kept.Seed, kept.Records
	return nil
}

func (s *Stack) startSlack(context.Context) (err error) {
	if s.Slack, err = fakeslack.Start(fakeslack.Options{Port: s.places.slack.Number}); err != nil {
		return err
	}
	s.adopt(slackWebhook, map[string]string{"SLACK_WEBHOOK_URL": s.Slack.URL()})
	s.tell(Service{Name: slackWebhook.name, Address: s.Slack.MessagesURL(), From: Embedded, Note: join("fake", s.places.slack.Note)})
	return nil
}

// join puts notes together.
func join(notes ...string) string {
	var given []string
	for _, n := range notes {
		if n != "" {
			given = append(given, n)
		}
	}
	return strings.Join(given, "; ")
}
