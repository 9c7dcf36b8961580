package stack

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/lazi/lazisync/dev/fakeslack"
	"github.com/lazi/lazisync/dev/ports"
	"github.com/lazi/lazisync/internal/simulator"
	"github.com/lazi/lazisync/internal/testing/durable"
)

// simulatorService is the running simulated ServiceTitan: its API, its webhooks and the
// journals of its changes.
type simulatorService struct {
	companies simulator.Tenants
	ids       []string // of the tenants
	cancel    context.CancelFunc
	jobs      sync.WaitGroup
	err       error // of the API, after jobs are done
}

// company is one simulated tenant.
type company struct {
	*simulator.Simulator
	options simulator.Options
	id      string // tenant
	secret  string // of its webhooks
	hooks   *simulator.Webhooks
}

func (s *Stack) startServiceTitan(context.Context) error {
	url := "http://" + ports.Addr(s.reservedPorts.simulator.Number)
	first, err := s.openCompany(s.options.Simulator, s.path("servicetitan"), "")
	if err != nil {
		return err
	}
	all := []*company{first}
	variables := first.variables(url)
	for _, options := range s.options.OtherTenants {
		id := strconv.FormatInt(options.Tenant, 10)
		other, err := s.openCompany(options, s.path("servicetitan", id), "/"+id)
		if err != nil {
			return err
		}
		all = append(all, other)
	}
	if len(all) > 1 {
		if variables, err = tenantsVariables(url, s.path("servicetitan", "tenants.json"), all); err != nil {
			return err
		}
	}
	s.serveSimulated(all)
	s.addVariables(serviceTitan, variables)
	s.report(Service{
		Name: serviceTitan.name, Address: url, From: Embedded,
		Note: join(fmt.Sprintf("simulated, %d records of each entity at first", first.options.RecordsPerEntity), s.reservedPorts.simulator.Note),
	})
	return nil
}

// openCompany opens the company in a folder, or creates it. path is the suffix of its webhook
// address.
func (s *Stack) openCompany(o simulator.Options, folder, path string) (*company, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("simulated ServiceTitan: %w", err)
	}
	secret, err := loadOrCreateSecret(filepath.Join(folder, "webhook-secret"))
	if err != nil {
		return nil, err
	}
	o.Logger = s.log("servicetitan")
	if err := loadOrSaveParameters(filepath.Join(folder, "company.json"), &o); err != nil {
		return nil, err
	}
	one := &company{Simulator: simulator.New(o), options: o, secret: secret, id: strconv.FormatInt(cmp.Or(o.Tenant, simulator.DefaultTenant), 10)}
	if err := one.KeepJournal(filepath.Join(folder, "journal")); err != nil {
		return nil, fmt.Errorf("simulated ServiceTitan: %w", err)
	}
	if s.options.Webhooks {
		one.hooks = simulator.NewWebhooks(simulator.WebhookOptions{
			URL: s.GatewayURL() + "/webhooks/servicetitan" + path, Secret: secret, Tenant: o.Tenant, Logger: s.log("servicetitan"),
		})
		one.OnChange(one.hooks.Notify)
	}
	return one, nil
}

func (s *Stack) serveSimulated(all []*company) {
	ctx, cancel := context.WithCancel(context.Background())
	running := &simulatorService{cancel: cancel}
	for _, c := range all {
		running.companies, running.ids = append(running.companies, c.Simulator), append(running.ids, c.id)
		if c.hooks != nil {
			running.jobs.Go(func() { c.hooks.Run(ctx) })
		}
	}
	listener := s.reservedPorts.simulator.listener()
	running.jobs.Go(func() { running.err = running.companies.Serve(ctx, listener) })
	s.simulated, s.Simulator, s.Companies = running, all[0].Simulator, running.companies
}

func (s *simulatorService) stop() error {
	s.cancel()
	s.jobs.Wait()
	err := s.err
	for _, c := range s.companies {
		err = errors.Join(err, c.CloseJournal())
	}
	return err
}

// variables returns the variables of lazisync for a single simulated company.
func (c *company) variables(url string) map[string]string {
	return map[string]string{
		"SERVICETITAN_API_URL":        url,
		"SERVICETITAN_AUTH_URL":       url,
		"SERVICETITAN_TENANT_ID":      c.id,
		"SERVICETITAN_CLIENT_ID":      cmp.Or(c.options.ClientID, simulator.DefaultClientID),
		"SERVICETITAN_CLIENT_SECRET":  cmp.Or(c.options.ClientSecret, simulator.DefaultClientSecret),
		"SERVICETITAN_APP_KEY":        cmp.Or(c.options.AppKey, simulator.DefaultAppKey),
		"SERVICETITAN_WEBHOOK_SECRET": c.secret,
	}
}

// tenantsVariables returns the variables for several companies, and writes the tenants file.
func tenantsVariables(url, path string, all []*company) (map[string]string, error) {
	var file struct {
		Tenants []map[string]string `json:"tenants"`
	}
	for _, c := range all {
		v := c.variables(url)
		file.Tenants = append(file.Tenants, map[string]string{
			"id": c.id, "clientId": v["SERVICETITAN_CLIENT_ID"], "clientSecret": v["SERVICETITAN_CLIENT_SECRET"],
			"appKey": v["SERVICETITAN_APP_KEY"], "webhookSecret": c.secret,
		})
	}
	text, err := json.MarshalIndent(file, "", "  ")
	if err == nil {
		err = os.WriteFile(path, append(text, '\n'), 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("simulated ServiceTitan: tenants file: %w", err)
	}
	return map[string]string{"SERVICETITAN_API_URL": url, "SERVICETITAN_AUTH_URL": url, tenantsFile: path}, nil
}

// loadOrCreateSecret returns the secret in a file. It creates the file with a random secret if
// it does not exist.
func loadOrCreateSecret(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err == nil && len(text) > 0 {
		return strings.TrimSpace(string(text)), nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("webhook secret: %w", err)
	}
	secret := rand.Text() + rand.Text() // ServiceTitan wants at least 32 characters
	if err := durable.WriteFile(path, []byte(secret+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("webhook secret: %w", err)
	}
	return secret, nil
}

// companyParameters are the parameters with which a simulated company was generated. They
// cannot change, because the journal has changes to these records.
type companyParameters struct {
	Seed    int64 `json:"seed"`
	Records int   `json:"recordsPerEntity"`
}

// loadOrSaveParameters sets the options to the parameters in a file, or saves them if the file
// does not exist.
func loadOrSaveParameters(path string, o *simulator.Options) error {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if o.RecordsPerEntity == 0 {
			o.RecordsPerEntity = DefaultRecords
		}
		text, err := json.Marshal(companyParameters{o.Seed, o.RecordsPerEntity})
		if err != nil {
			return fmt.Errorf("simulated ServiceTitan: %w", err)
		}
		return durable.WriteFile(path, append(text, '\n'), 0o600)
	}
	var kept companyParameters
	if err == nil {
		err = json.Unmarshal(text, &kept)
	}
	if err != nil {
		return fmt.Errorf("simulated ServiceTitan: read %s: %w", path, err)
	}
	if o.RecordsPerEntity != 0 && o.RecordsPerEntity != kept.Records {
		return fmt.Errorf("the data folder has a simulated company with %d records of each entity, not %d: start with --fresh to replace it", kept.Records, o.RecordsPerEntity)
	}
	o.Seed, o.RecordsPerEntity = kept.Seed, kept.Records
	return nil
}

func (s *Stack) startSlack(context.Context) (err error) {
	if s.Slack, err = fakeslack.Start(fakeslack.Options{Port: s.reservedPorts.slack.Number}); err != nil {
		return err
	}
	s.addVariables(slackWebhook, map[string]string{"SLACK_WEBHOOK_URL": s.Slack.URL()})
	s.report(Service{Name: slackWebhook.name, Address: s.Slack.MessagesURL(), From: Embedded, Note: join("fake", s.reservedPorts.slack.Note)})
	return nil
}

// join joins the notes that are not empty.
func join(notes ...string) string {
	var given []string
	for _, n := range notes {
		if n != "" {
			given = append(given, n)
		}
	}
	return strings.Join(given, "; ")
}
