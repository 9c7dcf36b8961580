-- Cast failures: values that do not fit the type of their column.

-- +goose Up
create table raw.schema_drift (
    run_number  bigint      not null references raw.sync_runs on delete cascade,
    table_name  text        not null,
    column_name text        not null,
    records     bigint      not null,
    st_id       text        not null,
    example     text        not null,
    seen_at     timestamptz not null default clock_timestamp(),
    primary key (run_number, table_name, column_name)
);
comment on table raw.schema_drift is 'Cast failures of a run by column. The values are NULL in the column and complete in full_data.';
comment on column raw.schema_drift.st_id is 'One of the records.';
comment on column raw.schema_drift.example is 'The value of st_id.';
