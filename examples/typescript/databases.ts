import postgres, { type Sql, type TransactionSql } from "postgres";
import { endings, type Outcome } from "./outcome.js";

/**
 * lazisync's database, which the consumer only reads, and its own. They may be the same.
 *
 * The work of this example is a journal of changes; replace the table and workOn with yours.
 */
export class Databases {
  private constructor(
    private readonly copy: Sql,
    private readonly work: Sql,
  ) {}

  static async open(): Promise<Databases> {
    const lazisync = process.env.DATABASE_URL;
    if (!lazisync) throw new Error("DATABASE_URL: want the address of lazisync's database");
    const own = process.env.WORK_DATABASE_URL || lazisync;
    const databases = new Databases(postgres(lazisync, { max: 1 }), postgres(own, { max: 1, onnotice: () => {} }));
    await databases.createTables();
    return databases;
  }

  async close(): Promise<void> {
    await Promise.all([this.copy.end(), this.work.end()]);
  }

  /** Processes an outcome, unless it was processed before. */
  async process(event: Outcome): Promise<void> {
    const ended = endings[event.type];
    if (!ended) return; // another version of an event that is also published in the known version
    const { data } = event;
    if (data.runNumber === undefined || (data.part ?? 1) > 1) return;
    await this.work.begin(async (tx) => {
      const first = await tx`insert into downstream.done (source, id) values (${event.source}, ${event.id}) on conflict do nothing returning 1`;
      if (first.length === 0) return; // source and id identify an event
      for (const result of data.results) {
        if (result.inserted + result.updated + result.deleted === 0) continue;
        const n = await this.workOn(tx, data, result.entity);
        console.log(`run ${data.runNumber} ${ended} (${data.mode}): ${result.entity}, ${n} rows changed`);
      }
    });
  }

  /**
   * Processes each row that a run changed, in the transaction. A row that a later run changed
   * again has the number of that run, whose outcome follows. Records stay text, because a
   * JavaScript number cannot represent every number of a record.
   */
  private async workOn(tx: TransactionSql, data: Outcome["data"], entity: string): Promise<number> {
    let count = 0;
    const changed = this.copy<{ id: string; deleted: boolean; record: string }[]>`
      select st_id::text as id, deleted_at is not null as deleted, full_data::text as record from raw.${this.copy(`st_${entity}`)}
      where tenant_id = ${data.tenantId} and run_number = ${data.runNumber!} order by st_id`;
    for await (const rows of changed.cursor(500)) {
      count += rows.length;
      await tx`
        insert into downstream.changes (tenant_id, entity, st_id, run_number, deleted, record)
        select ${data.tenantId}, ${entity}, id, ${data.runNumber!}, deleted, record::jsonb
        from jsonb_to_recordset(${tx.json([...rows])}) as changed (id text, deleted boolean, record text)`;
    }
    return count;
  }

  private async createTables(): Promise<void> {
    await this.work`create schema if not exists downstream`;
    await this.work`create table if not exists downstream.done (
      source text not null, id text not null, done_at timestamptz not null default now(), primary key (source, id))`;
    await this.work`create table if not exists downstream.changes (
      tenant_id text not null, entity text not null, st_id text not null, run_number bigint not null,
      deleted boolean not null, record jsonb not null)`;
  }
}
