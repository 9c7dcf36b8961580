package app

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/entity"
)

func TestPrintEntities(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, PrintEntities(false, &out))
	require.Regexp(t, `(?m)^jobs +feed +id +tn\.jpm\.jobs:r +/jpm/v2/…/export/jobs$`, out.String())
	require.Regexp(t, `(?m)^payroll_settings +feed +employeeId/employeeType +tn\.prl\.payrollsettings:r `, out.String())
	require.Regexp(t, `(?m)^user_roles +whole list +id `, out.String())
	require.Equal(t, len(entity.Catalogue)+3, strings.Count(out.String(), "\n"))
}

func TestPrintEntitiesAsJSON(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, PrintEntities(true, &out))
	var all []map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &all))
	require.Len(t, all, len(entity.Catalogue))
	for _, e := range all {
		if e["name"] != "report_categories" {
			continue
		}
		require.Equal(t, map[string]any{
			"name": "report_categories", "table": "raw.st_report_categories", "reads": "/reporting/v2/tenant/{tenant}/report-categories",
			"incremental": "whole list", "key": []any{"id"}, "keyType": "text", "scope": "tn.rpr.reportcategories:r",
			"columns": []any{
				map[string]any{"name": "active", "type": "boolean", "path": "active"},
				map[string]any{"name": "name", "type": "text", "path": "name"},
			},
		}, e)
		return
	}
	require.Fail(t, "report_categories is missing")
}

func TestEveryEntityCanBeConfigured(t *testing.T) {
	t.Parallel()
	var of Tenant
	require.NoError(t, entities(&of, "*"))
	require.Equal(t, entity.Names(), of.Entities)
}
