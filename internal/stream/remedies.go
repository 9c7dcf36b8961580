package stream

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// minPayload is the smallest max_payload that allows every command, dead letter and event: the data of an
// event of a run has at most 896 KiB.
const minPayload = 960 << 10

// remedies describes, by the server's error code, which setting prevents a stream or consumer
// from being declared and how to change it.
var remedies = map[jetstream.ErrorCode]string{
	10039: "enable JetStream for the account of this user (accounts: {NAME: {jetstream: enabled}}), or use a user of another account in NATS_URL or NATS_CREDS",
	10076: `enable JetStream in nats-server's configuration (jetstream {store_dir: "…"}), or set NATS_URL to a server with JetStream`,
	10008: "JetStream has no leader: " + FixLeader,
	10118: "all servers with a replica of it are offline: start them; with NATS_REPLICAS=3 the loss of one server does not stop a stream",
	10119: "all servers with a replica of it are offline: start them; with NATS_REPLICAS=3 the loss of one server does not stop a consumer",

	10002: "raise max_storage and max_memory of the account's jetstream limits: " + storageNeeds,
	10120: "give the account jetstream limits for as many replicas as NATS_REPLICAS says, or lower it",
	10122: "raise the account's storage_max_stream_bytes and memory_max_stream_bytes: " + storageNeeds,
	10026: "raise max_consumers of the account's jetstream limits: lazisync needs 4, and one for each subscriber to events",
	10027: "raise max_streams of the account's jetstream limits: lazisync needs 6",
	10028: "raise max_memory_store in the jetstream block of nats-server's configuration, or max_memory of the account's jetstream limits: SYNC_PROGRESS needs 32 MiB of memory",
	10047: "raise max_file_store in the jetstream block of nats-server's configuration or max_storage of the account's jetstream limits, or free space on the disk of store_dir: " + storageNeeds,
	10023: "raise max_file_store and max_memory_store in the jetstream block of nats-server's configuration: " + storageNeeds,

	10005: "start as many NATS servers with JetStream as NATS_REPLICAS says and give each the storage of all streams, or lower NATS_REPLICAS",
	10074: "this NATS server belongs to no cluster, so that streams have one replica: set NATS_REPLICAS=1, or NATS_URL to the servers of a cluster",
	10121: "raise max_ack_pending in the jetstream limits of nats-server's configuration, of the account or of the stream to 10000",
	10125: "raise max_request_batch in the jetstream limits of nats-server's configuration",
	10153: "remove the stream's consumer limit for inactive_threshold",
	10065: "another stream has these subjects: find it with \"nats stream ls --subjects\" and remove them from it, or delete it",
}

// storageNeeds is the storage of the streams when they are full.
const storageNeeds = "the streams need 1.3 GiB of storage and 32 MiB of memory"

// withRemedy adds the remedy to an error of the server.
func (c *Conn) withRemedy(err error) error {
	if err == nil {
		return nil
	}
	if remedy := c.Remedy(err); remedy != "" {
		return fmt.Errorf("%w: %s", err, remedy)
	}
	if last := c.nc.LastError(); errors.Is(err, context.DeadlineExceeded) && last != nil {
		return fmt.Errorf("%w: the last error of the server was: %w", err, last)
	}
	return err
}

// Remedy returns which setting of the server or account to change after an error, "" if
// unknown.
func (c *Conn) Remedy(err error) string {
	var refused *jetstream.APIError
	var setting *settingError
	var leader *leaderError
	switch {
	case errors.As(err, &setting):
		return setting.remedy
	case errors.As(err, &leader):
		return FixLeader
	case c.domain != "" && (errors.Is(err, jetstream.ErrJetStreamNotEnabled) || errors.Is(err, nats.ErrNoResponders)):
		return fmt.Sprintf("no server answers for the JetStream domain %q: correct NATS_JS_DOMAIN, or connect the servers of that domain", c.domain)
	case errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
		return remedies[10039]
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, nats.ErrNoResponders):
		return remedies[10076]
	case errors.Is(err, jetstream.ErrMaximumConsumersLimit):
		return remedies[10026]
	case !errors.As(err, &refused):
		return ""
	case strings.Contains(refused.Description, "duplicates window"):
		return "raise max_duplicate_window in the limits of the jetstream block of nats-server's configuration to 24h"
	}
	return remedies[refused.ErrorCode]
}

// settingError is an unsuitable setting of the server.
type settingError struct{ what, remedy string }

func (s *settingError) Error() string { return s.what + ": " + s.remedy }

// checkServer returns an error if no stream can work with this server.
func (c *Conn) checkServer() error {
	if !c.nc.IsConnected() {
		return c.disconnected()
	}
	if got := c.nc.MaxPayload(); got < minPayload {
		return &settingError{
			fmt.Sprintf("max_payload of the NATS server is %d bytes, want at least %d", got, minPayload),
			"set max_payload: 1MB in nats-server's configuration",
		}
	}
	return nil
}
