package app

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestURLsOfServicesAreCheckedAtStart(t *testing.T) {
	t.Parallel()
	for urls, want := range map[string]string{
		"mail=smtp://u:hunter2@h/?from=a@b.c&to=d@e.f oncall=pagerdutty://hunter2": `NOTIFY_URLS: got "***", want for oncall a scheme of bark, discord,`,
		"oncall=telegram://hunter2": `NOTIFY_URLS: got "***", want for oncall a URL of telegram,`,
	} {
		_, err := Load([]string{"NOTIFY_URLS=" + urls}, NotifierRole)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "hunter2")
	}
	cfg, err := Load([]string{"NOTIFY_URLS=oncall=ntfy://ntfy.example.com/hunter2"}, NotifierRole)
	require.NoError(t, err)
	require.Equal(t, "***", cfg.Value("NOTIFY_URLS").Text)
}
