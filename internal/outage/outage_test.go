package outage

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAnOutageBeginsAndEndsOnce(t *testing.T) {
	t.Parallel()
	var d Detector
	_, ended := d.Succeed()
	require.False(t, ended)
	require.True(t, d.Fail())
	require.False(t, d.Fail())
	require.True(t, d.Ongoing())
	lasted, ended := d.Succeed()
	require.True(t, ended)
	require.Positive(t, lasted)
	_, ended = d.Succeed()
	require.False(t, ended)
	require.True(t, d.Fail(), "another outage")
}

func TestFewFailuresAreNoOutage(t *testing.T) {
	t.Parallel()
	d := Detector{Threshold: 3}
	require.False(t, d.Fail())
	require.False(t, d.Fail())
	_, ended := d.Succeed()
	require.False(t, ended)
	require.False(t, d.Fail(), "counted from zero after a success")
	require.False(t, d.Fail())
	require.True(t, d.Fail())
	require.False(t, d.Fail())
}
