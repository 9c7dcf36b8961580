with page as (
    select *, document::jsonb as data from unnest($4::text[], $5::timestamptz[], $6::boolean[], $7::text[], $8::uuid[]) as page (st_id, modified_on, is_deleted, document, fingerprint) offset 0
), changed as (
    select page.*
    from page left join lateral (select * from raw.st_bare where tenant_id = $1 and st_id = page.st_id limit 1) old on true
    where old.st_id is null or (
        case when page.modified_on <> old.modified_on then page.modified_on > old.modified_on else $3 >= old.fetched_at end
        and (page.is_deleted or old.deleted_at is null or $3 >= old.deleted_at)
        and (old.full_data is distinct from page.data or (old.deleted_at is not null) <> page.is_deleted))
), stored as (
    insert into raw.st_bare as kept (
        tenant_id, st_id,
        modified_on, full_data, fingerprint, fetched_at, run_number, deleted_at)
    select
        $1::bigint, st_id,
        modified_on, data, fingerprint, $3::timestamptz, $2::bigint, case when is_deleted then $3::timestamptz end
    from changed
    on conflict on constraint "st_bare_pkey" do update set
        modified_on = excluded.modified_on, full_data = excluded.full_data, fingerprint = excluded.fingerprint,
        fetched_at = excluded.fetched_at, run_number = excluded.run_number,
        deleted_at = case when excluded.deleted_at is not null then coalesce(kept.deleted_at, excluded.deleted_at) end
    where case when excluded.modified_on <> kept.modified_on then excluded.modified_on > kept.modified_on else excluded.fetched_at >= kept.fetched_at end
        and ((excluded.deleted_at is not null) or kept.deleted_at is null or excluded.fetched_at >= kept.deleted_at)
        and (kept.full_data is distinct from excluded.full_data or (kept.deleted_at is not null) <> (excluded.deleted_at is not null))
    returning kept.st_id, kept.deleted_at is null as live, kept.xmax = 0 as inserted, null::text[] as cast_failures
), classified as (
    select coalesce(old.deleted_at is null and old.st_id is not null, false) as was_live, stored.*
    from stored left join lateral (select * from raw.st_bare where tenant_id = $1 and st_id = case when not stored.inserted then stored.st_id end limit 1) old on true
)
select
    count(*) filter (where inserted),
    count(*) filter (where not inserted and (live or not was_live)),
    count(*) filter (where was_live and not live),
    count(*) filter (where live) - count(*) filter (where was_live),
    null::jsonb
from classified
