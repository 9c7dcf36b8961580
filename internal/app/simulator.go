package app

import (
	"context"
	"fmt"
	"io"
	"net"

	"github.com/lazi/lazisync/internal/simulator"
)

// SimulatorOptions are those of `lazisync simulator`.
type SimulatorOptions struct {
	Addr    string
	Seed    int64
	Records int // per entity
}

// Simulate serves the simulated ServiceTitan until ctx ends.
func Simulate(ctx context.Context, o SimulatorOptions, out io.Writer) error {
	if o.Records < 0 {
		return usage(fmt.Errorf("--records: got %d, want a number above 0", o.Records))
	}
	l, err := net.Listen("tcp", o.Addr)
	if err != nil {
		return usage(fmt.Errorf("--addr: %w", err))
	}
	s := simulator.New(simulator.Options{Seed: o.Seed, RecordsPerEntity: o.Records})
	fmt.Fprintf(out, "The simulated ServiceTitan answers. To use it:\n\n"+
		"export SERVICETITAN_API_URL=http://%[1]s SERVICETITAN_AUTH_URL=http://%[1]s SERVICETITAN_TENANT_ID=%[2]d\n"+
		"export SERVICETITAN_CLIENT_ID=%[3]s SERVICETITAN_CLIENT_SECRET=%[4]s SERVICETITAN_APP_KEY=%[5]s\n",
		l.Addr(), int64(simulator.DefaultTenant), simulator.DefaultClientID, simulator.DefaultClientSecret, simulator.DefaultAppKey)
	return s.Serve(ctx, l)
}
