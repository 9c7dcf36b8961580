import { connect, type NatsConnection } from "@nats-io/transport-node";

/**
 * Connects to NATS_URL, which may name several servers, separated by commas. The NATS client
 * takes the user from options, not from the URL.
 */
export function connectNATS(name: string): Promise<NatsConnection> {
  const urls = (process.env.NATS_URL ?? "nats://127.0.0.1:4222").split(",").map((url) => new URL(url.trim()));
  const first = urls[0]!;
  return connect({
    name,
    servers: urls.map((url) => url.host),
    user: decodeURIComponent(first.username) || undefined,
    pass: decodeURIComponent(first.password) || undefined,
    tls: first.protocol === "tls:" ? {} : undefined,
    maxReconnectAttempts: -1,
  });
}
