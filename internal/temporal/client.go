package temporal

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"google.golang.org/grpc"
)

// callTimeout bounds each call of the bridge: a server that does not answer must be
// noticed before the deliveries of a batch are redelivered.
const callTimeout = 5 * time.Second

// Options configure a Client. Address, Namespace and TaskQueue are required.
type Options struct {
	Address   string // host:port of the frontend
	Namespace string
	TaskQueue string      // of workflows and pages; see workflows.ControlTaskQueue for the other one
	APIKey    string      // of Temporal Cloud; "" for none
	TLS       *tls.Config // nil for plaintext
	Logger    zerolog.Logger

	// Schedules are the schedules that the configuration wants, including those that it
	// switches off. Other schedules of the namespace are never shown or changed, except by
	// ApplySchedules, which removes those of tenants that are no longer configured.
	Schedules []ScheduleSpec
	// ScheduleTimeout bounds a workflow that a schedule starts; 0 for no limit.
	ScheduleTimeout time.Duration

	// Polls observes the polls of a worker that uses this client. Default: none.
	Polls *Polls
	// Metrics registers the metrics of Temporal's SDK. Default: they are not exported.
	Metrics prometheus.Registerer
	// Tracer creates the spans of calls and, in a worker, of workflows and activities.
	// Default: none.
	Tracer trace.TracerProvider
	// OnWorkflowTaskFailed is called with the number of workflow tasks that failed.
	// Default: none.
	OnWorkflowTaskFailed func(n int64)
}

// Client is a client of one namespace. It is safe for concurrent use.
type Client struct {
	options Options
	sdk     client.Client
}

// Open creates a client that connects on its first call, so that a process starts and
// reports that it is not ready while Temporal is unreachable.
func Open(o Options) (*Client, error) {
	options := client.Options{HostPort: o.Address, Namespace: o.Namespace, Logger: sdkLogger{o.Logger}}
	if o.APIKey != "" {
		options.Credentials = client.NewAPIKeyStaticCredentials(o.APIKey)
	}
	options.ConnectionOptions.TLS = o.TLS
	if o.Polls != nil {
		o.Polls.log = o.Logger
		options.ConnectionOptions.DialOptions = []grpc.DialOption{grpc.WithChainUnaryInterceptor(o.Polls.intercept)}
	}
	handler, err := metricsHandler(o)
	if err != nil {
		return nil, err
	}
	options.MetricsHandler = handler
	if o.Tracer != nil {
		tracing, err := tracingInterceptor(o.Tracer)
		if err != nil {
			return nil, err
		}
		options.Interceptors = []interceptor.ClientInterceptor{tracing}
	}
	sdk, err := client.NewLazyClient(options)
	if err != nil {
		return nil, fmt.Errorf("create the Temporal client: %w", err)
	}
	return &Client{options: o, sdk: sdk}, nil
}

// metricsHandler returns where the SDK writes its metrics.
func metricsHandler(o Options) (client.MetricsHandler, error) {
	handler := client.MetricsNopHandler
	if o.Metrics != nil {
		metrics := newSDKMetrics()
		if err := o.Metrics.Register(metrics); err != nil {
			return nil, fmt.Errorf("register the metrics of Temporal's SDK: %w", err)
		}
		handler = sdkHandler{metrics: metrics}
	}
	if o.OnWorkflowTaskFailed != nil {
		handler = &taskFailures{handler, o.OnWorkflowTaskFailed}
	}
	return handler, nil
}

// Close closes the connection.
func (c *Client) Close() { c.sdk.Close() }

// SDK returns the client of Temporal's SDK, from which a worker is created.
func (c *Client) SDK() client.Client { return c.sdk }

// absentWorkflow is an ID that no workflow has.
const absentWorkflow = "lazisync-probe"

// Ping describes a workflow that does not exist. To answer that, Temporal must accept this
// client's credentials and read its own database.
func (c *Client) Ping(ctx context.Context) error {
	_, err := c.sdk.DescribeWorkflowExecution(ctx, absentWorkflow, "")
	if err == nil || isNotFound(err) {
		return nil
	}
	return fmt.Errorf("describe a workflow: %w", err)
}

// ServerVersion returns the version of the Temporal server.
func (c *Client) ServerVersion(ctx context.Context) (string, error) {
	info, err := c.sdk.WorkflowService().GetSystemInfo(ctx, &workflowservice.GetSystemInfoRequest{})
	return info.GetServerVersion(), err
}

func isNotFound(err error) bool { return is[*serviceerror.NotFound](err) }

func is[E error](err error) bool {
	_, found := errors.AsType[E](err)
	return found
}
