/**
 * An example of a downstream system: for every outcome it reads the rows that the run changed,
 * and processes each of them exactly once.
 *
 *     node dist/consumer.js
 *
 * Delivery is at least once, so the program records the event as processed in the transaction
 * of its work, and acknowledges it afterwards. It can be killed at any time.
 */
import { parseArgs } from "node:util";
import { AckPolicy, type Consumer, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { nanos, type NatsConnection } from "@nats-io/transport-node";
import { connectNATS } from "./connect.js";
import { Databases } from "./databases.js";
import type { Outcome } from "./outcome.js";

const { values: options } = parseArgs({
  options: {
    name: { type: "string", default: "example-typescript" }, // of the durable consumer: NATS remembers its position
    "ack-wait": { type: "string", default: "60" }, // seconds after which an event that was not acknowledged is redelivered
    once: { type: "boolean", default: false }, // stop after one outcome
  },
});

/** Resumes where this consumer stopped, or begins with the oldest stored outcome. */
async function durable(nc: NatsConnection): Promise<Consumer> {
  // The check requests account information, for which the user needs no permission otherwise.
  const manager = await jetstreamManager(nc, { checkAPI: false });
  await manager.consumers.add("SYNC_EVENTS", {
    durable_name: options.name,
    // Failed and cancelled runs have stored rows, too.
    filter_subjects: ["sync.completed", "sync.failed", "sync.cancelled"],
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(Number(options["ack-wait"]) * 1000),
  });
  return jetstream(nc).consumers.get("SYNC_EVENTS", options.name);
}

const databases = await Databases.open();
const nc = await connectNATS(options.name);
const consumer = await durable(nc);
for (;;) {
  // One at a time: prefetched messages would be redelivered while they wait.
  const message = await consumer.next({ expires: 30_000 });
  if (!message) continue;
  try {
    await databases.process(message.json<Outcome>());
  } catch (err) {
    // The transaction was rolled back. JetStream redelivers the message.
    message.nak(10_000); // otherwise after --ack-wait
    await nc.flush();
    throw err;
  }
  if (!(await message.ackAck())) throw new Error("the acknowledgement was not confirmed"); // redelivered, and then recognized as processed
  if (options.once) break;
}
await nc.close();
await databases.close();
