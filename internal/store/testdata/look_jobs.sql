select * from (
    select st_id, live.row_version, md5(staged.full_data::text) as record_digest, staged.fingerprint,
        case
        when live.st_id is null then
            case when staged.deleted_at is null and coalesce(staged.modified_on, raw.to_timestamptz(staged.full_data -> 'createdOn'), '-infinity') < $4 then 'missing' end
        when staged.st_id is null then
            case when live.deleted_at is null and $5 and not exists (
                select from raw.rejected_records r where r.run_number = $2 and r.table_name = $3 and r.st_id = live.st_id::text) then 'extra' end
        when (live.modified_on, live."job_number", live."job_status", live."priority", live."active", live."total", live."customer_id", live."location_id", live."project_id", live."invoice_id", live."business_unit_id", live."job_type_id", live."completed_on", live."created_on") is distinct from (raw.modified_on(live.full_data), raw.to_text(live.full_data -> 'jobNumber'), raw.to_text(live.full_data -> 'jobStatus'), raw.to_text(live.full_data -> 'priority'), raw.to_boolean(live.full_data -> 'active'), raw.to_numeric(live.full_data -> 'total'), raw.to_bigint(live.full_data -> 'customerId'), raw.to_bigint(live.full_data -> 'locationId'), raw.to_bigint(live.full_data -> 'projectId'), raw.to_bigint(live.full_data -> 'invoiceId'), raw.to_bigint(live.full_data -> 'businessUnitId'), raw.to_bigint(live.full_data -> 'jobTypeId'), raw.to_timestamptz(live.full_data -> 'completedOn'), raw.to_timestamptz(live.full_data -> 'createdOn'))
            or (live.deleted_at is not null) <> coalesce(live.full_data -> 'active' = 'false', false) then 'damaged'
        when false then case when coalesce(staged.modified_on, raw.to_timestamptz(staged.full_data -> 'createdOn'), '-infinity') < $4 then 'missing' end
        when live.full_data = staged.full_data then
            case when live.fingerprint <> staged.fingerprint then 'fingerprint' end
        when staged.modified_on is null then
            case when live.fingerprint <> staged.fingerprint then 'stale' else 'damaged' end
        when raw.modified_on(live.full_data) < staged.modified_on then
            case when staged.modified_on < $4 then 'stale' end
        when raw.modified_on(live.full_data) is null then
            case when staged.modified_on < $4 then 'damaged' end
        else 'damaged'
        end as kind
    from (select *, xmin::text as row_version from raw.st_jobs where tenant_id = $1) live
        full join (select * from raw_rebuild.run_7_jobs where tenant_id = $1) staged using (st_id)) look
where kind is not null
