package cli

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
	byName := map[any]map[string]any{}
	for _, e := range all {
		byName[e["name"]] = e
	}
	require.Equal(t, map[string]any{
		"name": "report_categories", "table": "raw.st_report_categories", "reads": "/reporting/v2/tenant/{tenant}/report-categories",
		"list": map[string]any{
			"path": "/reporting/v2/tenant/{tenant}/report-categories", "shape": "pages", "firstPage": 1.0, "pageSize": 5000.0,
		},
		"incremental": "whole list", "deletions": "missed twice", "gone": "missed twice", "key": []any{"id"}, "keyType": "text", "scope": "tn.rpr.reportcategories:r",
		"columns": []any{
			map[string]any{"name": "active", "type": "boolean", "path": "active"},
			map[string]any{"name": "name", "type": "text", "path": "name"},
		},
	}, byName["report_categories"])
	require.Equal(t, map[string]any{"path": "/crm/v2/tenant/{tenant}/export/customers"}, byName["customers"]["export"])
	require.Equal(t, map[string]any{
		"path": "/crm/v2/tenant/{tenant}/customers", "shape": "pages", "ids": true, "firstPage": 1.0, "pageSize": 5000.0, "states": "active=Any",
		"from": "modifiedOnOrAfter", "before": "modifiedBefore", "sort": "+Id",
	}, byName["customers"]["list"])
	require.Equal(t, true, byName["payment_types"]["list"].(map[string]any)["ids"])
	require.Equal(t, "inactive", byName["jobs"]["deletions"])
}
