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
		Dir: s.path("postgres"), Port: s.places.postgres.Number, Unsafe: s.options.Unsafe, StopWithParent: true,
		Logf: func(format string, args ...any) {
			s.tell(Service{Name: postgreSQL.name, Note: fmt.Sprintf(format, args...)})
		},
	})
	if err != nil {
		return err
	}
	s.adopt(postgreSQL, map[string]string{"DATABASE_URL": s.postgres.URL("")})
	s.tell(Service{Name: postgreSQL.name, Address: s.postgres.Addr(), From: Embedded, Note: s.places.postgres.Note})
	return nil
}

func (s *Stack) startNATS(ctx context.Context) (err error) {
	s.nats, err = natsserver.Start(ctx, natsserver.Options{
		Dir: s.path("nats"), Port: s.places.nats.Number, Log: s.log("nats"),
		SyncAlways: true, // as in production: what is said to be stored is
	})
	if err != nil {
		return err
	}
	s.adopt(natsJetStream, map[string]string{"NATS_URL": s.nats.URL()})
	s.tell(Service{Name: natsJetStream.name, Address: s.nats.URL(), From: Embedded, Note: s.places.nats.Note})
	return nil
}

func (s *Stack) startTemporal(ctx context.Context) (err error) {
	s.temporal, err = temporalserver.Start(ctx, temporalserver.Options{
		File: s.path("temporal", "temporal.db"), Port: s.places.temporal.Number, Log: s.log("temporal"),
	})
	if err != nil {
		return err
	}
	s.adopt(temporalServer, map[string]string{"TEMPORAL_ADDRESS": s.temporal.Addr()})
	s.tell(Service{Name: temporalServer.name, Address: s.temporal.Addr(), From: Embedded, Note: s.places.temporal.Note})
	s.temporalUI, err = temporalui.Start(ctx, temporalui.Options{
		TemporalAddr: s.temporal.Addr(), Namespace: temporalserver.Namespace, Port: s.places.temporalUI.Number,
	})
	if err != nil {
		return err
	}
	s.suggest("SLACK_RUN_URL", s.temporalUI.URL()+"/namespaces/"+temporalserver.Namespace+"/workflows/{workflowId}/{runId}/history")
	s.tell(Service{Name: "Temporal UI", Address: s.temporalUI.URL(), From: Embedded, Note: s.places.temporalUI.Note})
	return nil
}
