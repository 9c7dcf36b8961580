package telemetry

import (
	"bytes"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

func TestLowLimitOfOpenFilesIsLogged(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := zerolog.New(&out)
	warnOpenFiles(minOpenFiles, log)
	require.Empty(t, out.String())
	warnOpenFiles(minOpenFiles-1, log)
	require.JSONEq(t, `{"level": "warn", "limit": 1023, "want": 1024,
		"message": "low limit of open files, raise it with ulimit -n or LimitNOFILE of systemd"}`, out.String())
}

func TestLimitOfThisProcessIsKnown(t *testing.T) {
	t.Parallel()
	require.NotZero(t, openFilesLimit())
}
