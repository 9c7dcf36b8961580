/**
 * Requests a sync: publishes a CloudEvent on sync.requested, and waits for the answer and the
 * outcome.
 *
 *     node dist/publisher.js --mode full --entities customers,jobs --id nightly-2026-03-01
 *
 * If it is killed, start it again with the same id: it continues to wait for the same sync.
 *
 * Exit codes: 0 completed, 1 failed or an error, 2 wrong usage, 3 cancelled, 4 rejected,
 * 5 completed with skipped entities.
 */
import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { jetstream } from "@nats-io/jetstream";
import { headers, type NatsConnection } from "@nats-io/transport-node";
import { connectNATS } from "./connect.js";

/** Source and id identify the request: publishing it twice starts one sync. */
const source = "/examples/typescript";

/**
 * The fields of answers and outcomes that this program needs. It ignores other fields, because
 * later versions of lazisync may add some.
 */
interface Event {
  type: string;
  data?: {
    // sync.accepted and sync.rejected
    requestId?: string;
    workflowId?: string;
    reason?: string; // of a rejection or cancellation
    outcome?: { type: string; runNumber?: number; skipped?: string[] }; // of a request that was published before
    // sync.completed, sync.failed and sync.cancelled
    runNumber?: number;
    requests?: { requestId: string }[];
    results?: { entity: string; status: string }[];
    error?: { message: string };
  };
}

const outcomes: Record<string, { word: string; code: number }> = {
  "com.lazi.sync.completed.v1": { word: "completed", code: 0 },
  "com.lazi.sync.failed.v1": { word: "failed", code: 1 },
  "com.lazi.sync.cancelled.v1": { word: "cancelled", code: 3 },
};

class Waiter {
  accepted = false;
  /** Resolves with the exit code when the request has ended. */
  readonly ended: Promise<number>;
  private end!: (code: number) => void;

  constructor(private readonly request: string) {
    this.ended = new Promise((resolve) => (this.end = resolve));
  }

  /** Ignores the events of other requests. */
  handle(event: Event): void {
    const { data = {}, type } = event;
    if (data.requestId === this.request && type === "com.lazi.sync.rejected.v1") {
      console.error(`publisher: rejected: ${data.reason}`);
      this.end(4);
    } else if (data.requestId === this.request && type === "com.lazi.sync.accepted.v1") {
      if (!this.accepted) console.log(`accepted ${this.request}: ${data.workflowId}`);
      this.accepted = true;
      if (data.outcome) this.outcome(data.outcome.type, data.outcome.runNumber, !!data.outcome.skipped?.length);
    } else if (data.requests?.some((r) => r.requestId === this.request)) {
      const skipped = !!data.results?.some((r) => r.status === "skipped");
      this.outcome(type, data.runNumber, skipped, data.error?.message ?? data.reason);
    }
  }

  /** Ignores unknown types: another version of an event that is also published in the known version. */
  private outcome(type: string, run: number | undefined, skipped: boolean, reason?: string): void {
    const known = outcomes[type];
    if (!known) return;
    console.log(`${known.word} ${this.request}: run ${run ?? 0}`);
    if (reason) console.error(`publisher: ${reason}`);
    this.end(known.code === 0 && skipped ? 5 : known.code);
  }
}

/**
 * Returns undefined for what is not an event. Subscribers also receive messages that the stream
 * refuses, such as the empty messages with which lazisync checks its own permissions.
 */
function parse(text: string): Event | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Subscribes to answers and outcomes. Call it before publish. */
async function subscribe(nc: NatsConnection, waiter: Waiter): Promise<void> {
  for (const subject of ["sync.accepted", "sync.rejected", "sync.completed", "sync.failed", "sync.cancelled"]) {
    nc.subscribe(subject, {
      callback: (err, message) => {
        if (err) {
          console.error(`publisher: subscribe to ${subject}: ${err.message}`);
          process.exit(1);
        }
        const event = parse(message.string());
        if (event) waiter.handle(event);
      },
    });
  }
  await nc.flush();
}

/**
 * Returns when the request is stored. It sets no Nats-Msg-Id, because JetStream would drop a
 * second attempt without an answer.
 */
async function publish(nc: NatsConnection, event: object, request: string): Promise<void> {
  const contentType = headers();
  contentType.set("Content-Type", "application/cloudevents+json");
  const stored = await jetstream(nc).publish("sync.requested", JSON.stringify(event), { headers: contentType });
  console.log(`requested ${request} (${stored.stream} ${stored.seq})`);
}

function options() {
  try {
    return parseArgs({
      options: {
        mode: { type: "string", default: "incremental" },
        entities: { type: "string" },
        id: { type: "string", default: new Date().toISOString() },
      },
    }).values;
  } catch (err) {
    console.error(`publisher: ${(err as Error).message}`);
    process.exit(2);
  }
}

async function main(): Promise<number> {
  const { mode, entities, id } = options();
  const request = createHash("sha256").update(`${source}\0${id}`).digest("hex").slice(0, 20);
  const event = {
    specversion: "1.0",
    id,
    source,
    type: "com.lazi.sync.requested.v1",
    data: { mode, entities: entities?.split(",").map((name) => name.trim()) },
  };
  const nc = await connectNATS("example publisher");
  const waiter = new Waiter(request);
  await subscribe(nc, waiter);
  for (;;) {
    try {
      await publish(nc, event, request);
    } catch (err) {
      // It may have been stored. Publish it again with the same id.
      console.error(`publisher: publish: ${(err as Error).message}`);
    }
    // Without an event about the request, publish it again. The answer to a request that was
    // published before contains the outcome, so an event that was published while the connection
    // was lost is not missed.
    const code = await Promise.race([waiter.ended, sleep(waiter.accepted ? 60_000 : 15_000)]);
    if (code !== undefined) return code;
  }
}

process.exit(await main());
