// Command operator replaces the command temporal of Temporal's admin-tools image, whose source is
// not a Go module that can be required. It has the subcommands that deploy/temporal/namespace.sh
// calls.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"go.temporal.io/api/namespace/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/durationpb"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "temporal:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) < 3 || args[0] != "operator" {
		return fmt.Errorf("got %q, want operator cluster health, or operator namespace describe, create or update", args)
	}
	address := os.Getenv("TEMPORAL_ADDRESS")
	if command := strings.Join(args[1:3], " "); command == "cluster health" {
		c, err := client.DialContext(ctx, client.Options{HostPort: address})
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = c.CheckHealth(ctx, nil)
		return err
	}
	c, err := client.NewNamespaceClient(client.Options{HostPort: address})
	if err != nil {
		return err
	}
	defer c.Close()
	flags := flag.NewFlagSet("operator namespace", flag.ContinueOnError)
	name := flags.String("namespace", "", "")
	retention := flags.String("retention", "0d", "")
	if err := flags.Parse(args[3:]); err != nil {
		return err
	}
	var days int
	if _, err := fmt.Sscanf(*retention, "%dd", &days); err != nil {
		return fmt.Errorf("--retention: got %q, want days such as 30d: %w", *retention, err)
	}
	period := durationpb.New(time.Duration(days) * 24 * time.Hour)
	switch args[2] {
	case "describe":
		_, err = c.Describe(ctx, *name)
	case "create":
		err = c.Register(ctx, &workflowservice.RegisterNamespaceRequest{Namespace: *name, WorkflowExecutionRetentionPeriod: period})
	case "update":
		err = c.Update(ctx, &workflowservice.UpdateNamespaceRequest{
			Namespace: *name, Config: &namespace.NamespaceConfig{WorkflowExecutionRetentionTtl: period},
		})
	default:
		err = fmt.Errorf("unknown command %q", args)
	}
	return err
}
