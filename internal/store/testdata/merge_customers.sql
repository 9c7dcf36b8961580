with page as (
    select st_id, raw.to_text(full_data -> 'name') as "name", raw.to_text(full_data -> 'type') as "type", raw.to_boolean(full_data -> 'active') as "active", raw.to_numeric(full_data -> 'balance') as "balance", raw.to_bigint(full_data -> 'mergedToId') as "merged_to_id", raw.to_timestamptz(full_data -> 'createdOn') as "created_on", modified_on, full_data as data, fingerprint, fetched_at, deleted_at is not null as is_deleted
    from raw_rebuild.run_7 staging where tenant_id = $1 and st_id in (select st_id from raw_rebuild.run_7_diff) order by st_id
), changed as (
    select page.*
    from page left join lateral (select * from raw.st_customers where tenant_id = $1 and st_id = page.st_id limit 1) old on true
    where old.st_id is null or (
        (old.full_data is distinct from page.data or (old.deleted_at is not null) <> page.is_deleted or (page."name", page."type", page."active", page."balance", page."merged_to_id", page."created_on", page.modified_on) is distinct from (old."name", old."type", old."active", old."balance", old."merged_to_id", old."created_on", old.modified_on)
            or old.fingerprint <> page.fingerprint)
        and page.fetched_at >= old.fetched_at
        and coalesce(page.modified_on >= raw.modified_on(old.full_data), true)
        and (page.is_deleted or old.deleted_at is null or page.fetched_at >= old.deleted_at))
), stored as (
    insert into raw.st_customers as kept (
        tenant_id, st_id, "name", "type", "active", "balance", "merged_to_id", "created_on",
        modified_on, full_data, fingerprint, fetched_at, run_number, deleted_at)
    select
        $1::bigint, st_id,
        "name",
        "type",
        "active",
        "balance",
        "merged_to_id",
        "created_on",
        modified_on, data, fingerprint, fetched_at, $2::bigint, case when is_deleted then fetched_at end
    from changed
    on conflict on constraint "st_customers_pkey" do update set
        "name" = excluded."name",
        "type" = excluded."type",
        "active" = excluded."active",
        "balance" = excluded."balance",
        "merged_to_id" = excluded."merged_to_id",
        "created_on" = excluded."created_on",
        modified_on = excluded.modified_on, full_data = excluded.full_data, fingerprint = excluded.fingerprint,
        fetched_at = excluded.fetched_at, run_number = excluded.run_number,
        deleted_at = case when excluded.deleted_at is not null then coalesce(kept.deleted_at, excluded.deleted_at) end
    where (kept.full_data is distinct from excluded.full_data or (kept.deleted_at is not null) <> (excluded.deleted_at is not null) or (excluded."name", excluded."type", excluded."active", excluded."balance", excluded."merged_to_id", excluded."created_on", excluded.modified_on) is distinct from (kept."name", kept."type", kept."active", kept."balance", kept."merged_to_id", kept."created_on", kept.modified_on)
            or kept.fingerprint <> excluded.fingerprint)
        and excluded.fetched_at >= kept.fetched_at
        and coalesce(excluded.modified_on >= raw.modified_on(kept.full_data), true)
        and ((excluded.deleted_at is not null) or kept.deleted_at is null or excluded.fetched_at >= kept.deleted_at)
    returning kept.st_id, kept.deleted_at is null as live, kept.xmax = 0 as inserted, null::text[] as cast_failures
), classified as (
    select coalesce(old.deleted_at is null and old.st_id is not null, false) as was_live, stored.*
    from stored left join lateral (select * from raw.st_customers where tenant_id = $1 and st_id = case when not stored.inserted then stored.st_id end limit 1) old on true
)
select
    count(*) filter (where inserted),
    count(*) filter (where not inserted and (live or not was_live)),
    count(*) filter (where was_live and not live),
    count(*) filter (where live) - count(*) filter (where was_live),
    null::jsonb
from classified
