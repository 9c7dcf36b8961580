package stack

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/lazi/lazisync/internal/store"
)

// refuseOtherTenants returns an error if the database has rows of tenants that are not
// simulated.
func (s *Stack) refuseOtherTenants(ctx context.Context) error {
	url, err := s.databaseURL()
	if err != nil {
		return err
	}
	db, err := store.Open(ctx, url, store.Options{Logger: s.options.Log})
	if err != nil {
		return err
	}
	defer db.Close()
	tenants, err := db.Tenants(ctx)
	if err != nil {
		return fmt.Errorf("list the tenants of the database: %w", err)
	}
	for _, tenant := range tenants {
		if !slices.Contains(s.simulated.ids, string(tenant)) {
			own := strings.Join(s.simulated.ids, ", ")
			return fmt.Errorf("the database has rows of tenant %s, but the simulated ServiceTitan is tenant %s. "+
				"Set another DATABASE_URL, or set SERVICETITAN_CLIENT_ID and the other credentials of tenant %s", tenant, own, tenant)
		}
	}
	return nil
}

// databaseURL returns DATABASE_URL, from the variable or from its file.
func (s *Stack) databaseURL() (string, error) {
	if url := s.env["DATABASE_URL"]; url != "" {
		return url, nil
	}
	text, err := os.ReadFile(s.env["DATABASE_URL"+fileSuffix])
	if err != nil {
		return "", fmt.Errorf("DATABASE_URL_FILE: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}
