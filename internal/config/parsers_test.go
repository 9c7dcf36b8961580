package config

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/entity"
)

func TestEveryEntityCanBeConfigured(t *testing.T) {
	t.Parallel()
	var c Config
	require.NoError(t, entities(&c, "*"))
	require.Equal(t, entity.Names(), c.Defaults.Entities)
}
