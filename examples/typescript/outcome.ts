/**
 * The fields of sync.completed, sync.failed and sync.cancelled that the consumer needs. It
 * ignores other fields, because later versions of lazisync may add some.
 */
export interface Outcome {
  source: string;
  id: string;
  type: string;
  data: {
    tenantId: string;
    mode: string;
    runNumber?: number; // absent: the run did not begin
    part?: number; // an outcome with many requests is published in parts
    /** Numbers of rows that the run changed, also for failed entities. */
    results: { entity: string; inserted: number; updated: number; deleted: number }[];
  };
}

/** The known event types of outcomes. */
export const endings: Record<string, string> = {
  "com.lazi.sync.completed.v1": "completed",
  "com.lazi.sync.failed.v1": "failed",
  "com.lazi.sync.cancelled.v1": "cancelled",
};
