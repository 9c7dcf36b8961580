create table raw.st_customers (
    "tenant_id" bigint not null,
    "st_id" bigint not null,
    "name" text,
    "type" text,
    "active" boolean,
    "balance" numeric,
    "merged_to_id" bigint,
    "created_on" timestamptz,
    "modified_on" timestamptz,
    "full_data" jsonb not null,
    "fetched_at" timestamptz not null,
    "run_number" bigint not null,
    "deleted_at" timestamptz,
    "fingerprint" uuid,
    primary key (tenant_id, st_id)
);
create index st_customers_run on raw.st_customers (run_number, tenant_id)
