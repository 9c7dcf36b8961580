with page as (
    select *, document::jsonb as data from unnest($4::bigint[], $5::timestamptz[], $6::boolean[], $7::text[], $8::uuid[], $9::text[], $10::text[], $11::text[], $12::text[], $13::boolean[], $14::text[], $15::text[], $16::bigint[], $17::bigint[], $18::bigint[], $19::bigint[], $20::bigint[], $21::timestamptz[], $22::timestamptz[]) as page (st_id, modified_on, is_deleted, document, fingerprint, "name", "job_number", "status", "review_status", "active", "subtotal", "tax", "customer_id", "location_id", "job_id", "project_id", "business_unit_id", "sold_on", "created_on") offset 0
), changed as (
    select page.*
    from page left join lateral (select * from raw.st_estimates where tenant_id = $1 and st_id = page.st_id limit 1) old on true
    where old.st_id is null or (
        case when page.modified_on <> old.modified_on then page.modified_on > old.modified_on else $3 >= old.fetched_at end
        and (page.is_deleted or old.deleted_at is null or $3 >= old.deleted_at)
        and (old.full_data is distinct from page.data or (old.deleted_at is not null) <> page.is_deleted))
), stored as (
    insert into raw.st_estimates as kept (
        tenant_id, st_id, "name", "job_number", "status", "review_status", "active", "subtotal", "tax", "customer_id", "location_id", "job_id", "project_id", "business_unit_id", "sold_on", "created_on",
        modified_on, full_data, fingerprint, fetched_at, run_number, deleted_at)
    select
        $1::bigint, st_id,
        "name",
        "job_number",
        "status",
        "review_status",
        "active",
        "subtotal"::numeric,
        "tax"::numeric,
        "customer_id",
        "location_id",
        "job_id",
        "project_id",
        "business_unit_id",
        "sold_on",
        "created_on",
        modified_on, data, fingerprint, $3::timestamptz, $2::bigint, case when is_deleted then $3::timestamptz end
    from changed
    on conflict on constraint "st_estimates_pkey" do update set
        "name" = excluded."name",
        "job_number" = excluded."job_number",
        "status" = excluded."status",
        "review_status" = excluded."review_status",
        "active" = excluded."active",
        "subtotal" = excluded."subtotal",
        "tax" = excluded."tax",
        "customer_id" = excluded."customer_id",
        "location_id" = excluded."location_id",
        "job_id" = excluded."job_id",
        "project_id" = excluded."project_id",
        "business_unit_id" = excluded."business_unit_id",
        "sold_on" = excluded."sold_on",
        "created_on" = excluded."created_on",
        modified_on = excluded.modified_on, full_data = excluded.full_data, fingerprint = excluded.fingerprint,
        fetched_at = excluded.fetched_at, run_number = excluded.run_number,
        deleted_at = case when excluded.deleted_at is not null then coalesce(kept.deleted_at, excluded.deleted_at) end
    where case when excluded.modified_on <> kept.modified_on then excluded.modified_on > kept.modified_on else excluded.fetched_at >= kept.fetched_at end
        and ((excluded.deleted_at is not null) or kept.deleted_at is null or excluded.fetched_at >= kept.deleted_at)
        and (kept.full_data is distinct from excluded.full_data or (kept.deleted_at is not null) <> (excluded.deleted_at is not null))
    returning kept.st_id, kept.deleted_at is null as live, kept.xmax = 0 as inserted, null::text[] as cast_failures
), classified as (
    select coalesce(old.deleted_at is null and old.st_id is not null, false) as was_live, stored.*
    from stored left join lateral (select * from raw.st_estimates where tenant_id = $1 and st_id = case when not stored.inserted then stored.st_id end limit 1) old on true
)
select
    count(*) filter (where inserted),
    count(*) filter (where not inserted and (live or not was_live)),
    count(*) filter (where was_live and not live),
    count(*) filter (where live) - count(*) filter (where was_live),
    null::jsonb
from classified
