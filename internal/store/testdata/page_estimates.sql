with page as (
    select *, document::jsonb as data from unnest($4::bigint[], $5::timestamptz[], $6::boolean[], $7::text[], $8::uuid[]) as page (st_id, modified_on, is_deleted, document, fingerprint) offset 0
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
        raw.to_text(data -> 'name'),
        raw.to_text(data -> 'jobNumber'),
        raw.to_text(data #> '{status,name}'),
        raw.to_text(data -> 'reviewStatus'),
        raw.to_boolean(data -> 'active'),
        raw.to_numeric(data -> 'subtotal'),
        raw.to_numeric(data -> 'tax'),
        raw.to_bigint(data -> 'customerId'),
        raw.to_bigint(data -> 'locationId'),
        raw.to_bigint(data -> 'jobId'),
        raw.to_bigint(data -> 'projectId'),
        raw.to_bigint(data -> 'businessUnitId'),
        raw.to_timestamptz(data -> 'soldOn'),
        raw.to_timestamptz(data -> 'createdOn'),
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
    returning kept.st_id, kept.deleted_at is null as live, kept.xmax = 0 as inserted, array_remove(array[
        case when kept."name" is null and kept.full_data -> 'name' not in ('null', '""') then 'name' end,
        case when kept."job_number" is null and kept.full_data -> 'jobNumber' not in ('null', '""') then 'job_number' end,
        case when kept."status" is null and kept.full_data #> '{status,name}' not in ('null', '""') then 'status' end,
        case when kept."review_status" is null and kept.full_data -> 'reviewStatus' not in ('null', '""') then 'review_status' end,
        case when kept."active" is null and kept.full_data -> 'active' not in ('null', '""') then 'active' end,
        case when kept."subtotal" is null and kept.full_data -> 'subtotal' not in ('null', '""') then 'subtotal' end,
        case when kept."tax" is null and kept.full_data -> 'tax' not in ('null', '""') then 'tax' end,
        case when kept."customer_id" is null and kept.full_data -> 'customerId' not in ('null', '""') then 'customer_id' end,
        case when kept."location_id" is null and kept.full_data -> 'locationId' not in ('null', '""') then 'location_id' end,
        case when kept."job_id" is null and kept.full_data -> 'jobId' not in ('null', '""') then 'job_id' end,
        case when kept."project_id" is null and kept.full_data -> 'projectId' not in ('null', '""') then 'project_id' end,
        case when kept."business_unit_id" is null and kept.full_data -> 'businessUnitId' not in ('null', '""') then 'business_unit_id' end,
        case when kept."sold_on" is null and kept.full_data -> 'soldOn' not in ('null', '""') then 'sold_on' end,
        case when kept."created_on" is null and kept.full_data -> 'createdOn' not in ('null', '""') then 'created_on' end], null) as cast_failures
), classified as (
    select coalesce(old.deleted_at is null and old.st_id is not null, false) as was_live, stored.*
    from stored left join lateral (select * from raw.st_estimates where tenant_id = $1 and st_id = case when not stored.inserted then stored.st_id end limit 1) old on true
)
select
    count(*) filter (where inserted),
    count(*) filter (where not inserted and (live or not was_live)),
    count(*) filter (where was_live and not live),
    count(*) filter (where live) - count(*) filter (where was_live),
    (select jsonb_agg(failure) from (
        select field as column, count(*) as records, min(classified.st_id)::text as id from classified, unnest(cast_failures) as field group by field) as failure)
from classified
