package doctor

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/probe"
	"github.com/lazi/lazisync/internal/store"
)

const fixFields = "correct SYNC_FIELDS; raw.sync_fields has the fields of each table"

// checkFields compares SYNC_FIELDS with the fields of the records, and with the policy of the rows.
func (d *Doctor) checkFields(ctx context.Context, f *findings, s *store.Store) {
	rules := d.Config.Sync.Fields.Rules()
	unknown, err := s.UnknownFields(ctx, rules)
	var outdated []ledger.EntityState
	if err == nil {
		outdated, err = s.OutdatedPolicies(ctx)
	}
	if err != nil {
		return // missing tables and permissions are already reported
	}
	switch {
	case len(unknown) > 0:
		f.fail(fixFields, "fields", "%v", unknownFieldsError(unknown))
	case len(outdated) > 0:
		var tables, commands []string
		for _, table := range outdated {
			tables = append(tables, fmt.Sprintf("%s of tenant %s", table.Entity, table.TenantID))
			commands = append(commands, fmt.Sprintf("lazisync request rebuild --tenant %s --entities %s", table.TenantID, table.Entity))
		}
		f.warn(firstOf(commands), "fields", "rows were stored under another SYNC_FIELDS or key: %s", firstOf(tables))
	case len(rules) > 0:
		f.ok("fields", "%d rules of SYNC_FIELDS, applied to all rows", len(rules))
	default:
		f.ok("fields", "stored as received, SYNC_FIELDS is not set")
	}
}

func unknownFieldsError(unknown []entity.FieldRule) error {
	names := make([]string, len(unknown))
	for i, r := range unknown {
		names[i] = r.Entity + "." + r.Path
	}
	return fmt.Errorf("SYNC_FIELDS: got %s, which no record had, want fields of records", strings.Join(names, ", "))
}

// FieldsProbe checks that the rules of SYNC_FIELDS name fields of records, until they once did: the fields of
// a table are known after its first complete read.
func FieldsProbe(s *store.Store, rules []entity.FieldRule) probe.Probe {
	var accepted atomic.Bool
	return probe.Probe{
		Name: "fields",
		Fix:  fixFields,
		Check: func(ctx context.Context) error {
			if len(rules) == 0 || accepted.Load() {
				return nil
			}
			unknown, err := s.UnknownFields(ctx, rules)
			if err != nil {
				return err
			}
			if len(unknown) > 0 {
				return unknownFieldsError(unknown)
			}
			accepted.Store(true)
			return nil
		},
	}
}
