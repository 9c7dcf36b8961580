with page as (
    select *, document::jsonb as data from unnest($4::bigint[], $5::timestamptz[], $6::boolean[], $7::text[], $8::uuid[]) as page (st_id, modified_on, is_deleted, document, fingerprint) offset 0
), changed as (
    select page.*
    from page left join lateral (select * from raw.st_customers where tenant_id = $1 and st_id = page.st_id limit 1) old on true
    where old.st_id is null or (
        case when page.modified_on <> old.modified_on then page.modified_on > old.modified_on else $3 >= old.fetched_at end
        and (page.is_deleted or old.deleted_at is null or $3 >= old.deleted_at)
        and (old.full_data is distinct from page.data or (old.deleted_at is not null) <> page.is_deleted))
), stored as (
    insert into raw.st_customers as kept (
        tenant_id, st_id, "name", "type", "active", "balance", "merged_to_id", "created_on",
        modified_on, full_data, fingerprint, fetched_at, run_number, deleted_at)
    select
        $1::bigint, st_id,
        raw.to_text(data -> 'name'),
        raw.to_text(data -> 'type'),
        raw.to_boolean(data -> 'active'),
        raw.to_numeric(data -> 'balance'),
        raw.to_bigint(data -> 'mergedToId'),
        raw.to_timestamptz(data -> 'createdOn'),
        modified_on, data, fingerprint, $3::timestamptz, $2::bigint, case when is_deleted then $3::timestamptz end
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
    where case when excluded.modified_on <> kept.modified_on then excluded.modified_on > kept.modified_on else excluded.fetched_at >= kept.fetched_at end
        and ((excluded.deleted_at is not null) or kept.deleted_at is null or excluded.fetched_at >= kept.deleted_at)
        and (kept.full_data is distinct from excluded.full_data or (kept.deleted_at is not null) <> (excluded.deleted_at is not null))
    returning kept.st_id, kept.deleted_at is null as live, kept.xmax = 0 as inserted, array_remove(array[
        case when kept."name" is null and kept.full_data -> 'name' not in ('null', '""') then 'name' end,
        case when kept."type" is null and kept.full_data -> 'type' not in ('null', '""') then 'type' end,
        case when kept."active" is null and kept.full_data -> 'active' not in ('null', '""') then 'active' end,
        case when kept."balance" is null and kept.full_data -> 'balance' not in ('null', '""') then 'balance' end,
        case when kept."merged_to_id" is null and kept.full_data -> 'mergedToId' not in ('null', '""') then 'merged_to_id' end,
        case when kept."created_on" is null and kept.full_data -> 'createdOn' not in ('null', '""') then 'created_on' end], null) as cast_failures
), classified as (
    select coalesce(old.deleted_at is null and old.st_id is not null, false) as was_live, stored.*
    from stored left join lateral (select * from raw.st_customers where tenant_id = $1 and st_id = case when not stored.inserted then stored.st_id end limit 1) old on true
)
select
    count(*) filter (where inserted),
    count(*) filter (where not inserted and (live or not was_live)),
    count(*) filter (where was_live and not live),
    count(*) filter (where live) - count(*) filter (where was_live),
    (select jsonb_agg(failure) from (
        select field as column, count(*) as records, min(classified.st_id)::text as id from classified, unnest(cast_failures) as field group by field) as failure)
from classified
