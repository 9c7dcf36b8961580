-- A database as an earlier sync program left it.
create schema raw;
create table raw.st_customers (
    st_id      bigint primary key,
    name       varchar(255) not null,
    type       varchar(50),
    active     boolean default true,
    balance    numeric(12,2) check (balance > -1000000),
    full_data  jsonb,
    fetched_at timestamp default now()
);
create table raw.st_jobs (
    st_id       integer primary key,
    job_number  text,
    job_status  text,
    customer_id integer,
    total       double precision,
    full_data   json not null default '{}',
    fetched_at  timestamptz not null default now()
);
create table raw.st_invoices (
    st_id      text primary key,
    total      text,
    balance    numeric,
    active     integer default 1,
    full_data  jsonb,
    fetched_at timestamptz
);
create table raw.st_estimates (
    st_id      bigint primary key,
    name       text,
    status     text,
    subtotal   numeric,
    full_data  jsonb,
    fetched_at timestamptz default now()
);
create table raw.sync_state (
    table_name            varchar(100) primary key,
    last_full_sync        timestamp,
    last_incremental_sync timestamp,
    records_count         integer default 0,
    sync_status           varchar(20) default 'idle' check (sync_status in ('idle', 'running', 'completed', 'failed'))
);
create index customers_by_active on raw.st_customers (active);

insert into raw.st_customers (st_id, name, type, balance, full_data, fetched_at)
select i, 'wrong', 'Residential', 0.1,
    jsonb_build_object('id', i, 'name', 'c' || i, 'active', i % 2 = 0, 'balance', 12.505, 'modifiedOn', '2026-03-01T11:00:00.1234567Z', 'createdOn', '2026-01-02T00:00:00Z'),
    '2026-03-01 11:30'
from generate_series(1, 100) i;
insert into raw.st_customers (st_id, name, full_data, fetched_at) values (101, 'no record', null, '2999-01-01'), (102, 'bare', '{"modifiedOn": "0001-01-01T00:00:00"}', null);
insert into raw.st_jobs (st_id, job_number, customer_id, total, full_data)
values (7, 'J7', 1, 10.25, '{"id": 7, "jobNumber": "J7", "customerId": 1, "total": 10.25, "modifiedOn": "2026-03-01T11:00:00Z", "priority": "High"}');
insert into raw.st_invoices (st_id, total, full_data) values ('9007199254740993', '1.50', '{"id": 9007199254740993, "total": "1.50"}');
insert into raw.sync_state values
    ('raw.st_customers', '2026-03-01 03:00', '2026-03-01 11:30', 5, 'completed'),
    ('st_jobs', '2026-03-01 03:05', null, 1, 'idle');

create role ROLE;
grant usage on schema raw to ROLE;
grant select, insert, update on all tables in schema raw to ROLE;
create view public.people as select st_id, name, balance, fetched_at from raw.st_customers where active;
comment on view public.people is 'who we know';
create view public.rich with (security_barrier = true) as select st_id, name from public.people where balance > 10;
grant select on public.people to ROLE with grant option;
grant select (name) on public.rich to ROLE;
create view public.estimated as select * from raw.st_estimates;
