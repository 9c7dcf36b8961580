package config

import (
	"fmt"

	"github.com/lazi/lazisync/internal/store"
	"github.com/lazi/lazisync/internal/stream"
)

// checks are the checks that internal/app passes to Load.
var checks = map[string]func(string) error{
	"DATABASE_URL": store.CheckURL,
	"NATS_CREDS": func(path string) error {
		content, err := ReadFile(path)
		if err == nil {
			err = stream.CheckCreds(content)
		}
		if err != nil {
			return fmt.Errorf("the path of a file with the JWT and the seed of a NATS user: %w", err)
		}
		return nil
	},
}

// The options of a command without requirements, of the bridge, of the worker and of serve.
var (
	tool   = Options{Checks: checks}
	bridge = Options{Checks: checks, Required: []string{"DATABASE_URL", "SERVICETITAN_TENANT_ID"}}
	worker = Options{Checks: checks, Required: []string{
		"DATABASE_URL", "SERVICETITAN_TENANT_ID", "SERVICETITAN_CLIENT_ID", "SERVICETITAN_CLIENT_SECRET", "SERVICETITAN_APP_KEY",
	}}
	serve = Options{Checks: checks, Required: worker.Required, ServesAPI: true, Notifies: true}
)
