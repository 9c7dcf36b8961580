package stack

import (
	"context"
	"fmt"

	"github.com/rs/zerolog"

	"github.com/lazi/lazisync/dev/natsserver"
	"github.com/lazi/lazisync/dev/postgres"
	"github.com/lazi/lazisync/dev/temporalserver"
	"github.com/lazi/lazisync/dev/temporalui"
	"github.com/lazi/lazisync/internal/testing/pgserver"
)

func (s *Stack) log(service string) zerolog.Logger {
	return s.options.Log.With().Str("service", service).Logger().Level(zerolog.WarnLevel)
}

func (s *Stack) startPostgres(ctx context.Context) (err error) {
	s.postgres, err = postgres.Start(ctx, pgserver.Options{
		Dir: s.path("postgres"), Port: s.reservedPorts.postgres.Number, Unsafe: s.options.Unsafe, StopWithParent: true,
		Logf: func(format string, args ...any) {
			s.report(Service{Name: postgreSQL.name, Note: fmt.Sprintf(format, args...)})
		},
	})
	if err != nil {
		return err
	}
	s.addVariables(postgreSQL, map[string]string{"DATABASE_URL": s.postgres.URL("")})
	s.report(Service{Name: postgreSQL.name, Address: s.postgres.Addr(), From: Embedded, Note: s.reservedPorts.postgres.Note})
	return nil
}

func (s *Stack) startNATS(ctx context.Context) (err error) {
	s.nats, err = natsserver.Start(ctx, natsserver.Options{
		Dir: s.path("nats"), Port: s.reservedPorts.nats.Number, Log: s.log("nats"),
		SyncAlways: true, // as in production
	})
	if err != nil {
		return err
	}
	s.addVariables(natsJetStream, map[string]string{"NATS_URL": s.nats.URL()})
	s.report(Service{Name: natsJetStream.name, Address: s.nats.URL(), From: Embedded, Note: s.reservedPorts.nats.Note})
	return nil
}

func (s *Stack) startTemporal(ctx context.Context) (err error) {
	s.temporal, err = temporalserver.Start(ctx, temporalserver.Options{
		File: s.path("temporal", "temporal.db"), Port: s.reservedPorts.temporal.Number, Unsafe: s.options.Unsafe, Log: s.log("temporal"),
	})
	if err != nil {
		return err
	}
	s.addVariables(temporalServer, map[string]string{"TEMPORAL_ADDRESS": s.temporal.Addr()})
	s.report(Service{Name: temporalServer.name, Address: s.temporal.Addr(), From: Embedded, Note: s.reservedPorts.temporal.Note})
	s.temporalUI, err = temporalui.Start(ctx, temporalui.Options{
		TemporalAddr: s.temporal.Addr(), Namespace: temporalserver.Namespace, Port: s.reservedPorts.temporalUI.Number,
	})
	if err != nil {
		return err
	}
	s.setDefault("SLACK_RUN_URL", s.temporalUI.URL()+"/namespaces/"+temporalserver.Namespace+"/workflows/{workflowId}/{runId}/history")
	s.report(Service{Name: "Temporal UI", Address: s.temporalUI.URL(), From: Embedded, Note: s.reservedPorts.temporalUI.Note})
	return nil
}
