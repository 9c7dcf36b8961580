package stack

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/lazi/lazisync/internal/store"
)

// refuseOtherTenants keeps simulated records out of a database with real ones.
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
		return fmt.Errorf("look for other tenants' rows: %w", err)
	}
	for _, tenant := range tenants {
		if !slices.Contains(s.simulated.ids, tenant) {
			own := strings.Join(s.simulated.ids, ", ")
			return fmt.Errorf("the database holds rows of tenant %s, and the simulated ServiceTitan is tenant %s: want a database without rows of others. "+
				"Set another DATABASE_URL, or SERVICETITAN_CLIENT_ID and its like to go on with tenant %s", tenant, own, tenant)
		}
	}
	return nil
}

// databaseURL is DATABASE_URL, also where a file holds it.
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
