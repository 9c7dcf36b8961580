insert into raw_rebuild.run_7_diff
select page.st_id
from (
    select st_id, raw.to_text(full_data -> 'name') as "name", raw.to_text(full_data -> 'type') as "type", raw.to_boolean(full_data -> 'active') as "active", raw.to_numeric(full_data -> 'balance') as "balance", raw.to_bigint(full_data -> 'mergedToId') as "merged_to_id", raw.to_timestamptz(full_data -> 'createdOn') as "created_on", modified_on, full_data as data, fingerprint, fetched_at, deleted_at is not null as is_deleted
    from raw_rebuild.run_7 staging where tenant_id = $1) page left join raw.st_customers old on old.tenant_id = $1 and old.st_id = page.st_id
where old.st_id is null or (
        (old.full_data is distinct from page.data or (old.deleted_at is not null) <> page.is_deleted or (page."name", page."type", page."active", page."balance", page."merged_to_id", page."created_on", page.modified_on) is distinct from (old."name", old."type", old."active", old."balance", old."merged_to_id", old."created_on", old.modified_on)
            or old.fingerprint <> page.fingerprint)
        and page.fetched_at >= old.fetched_at
        and coalesce(page.modified_on >= raw.modified_on(old.full_data), true)
        and (page.is_deleted or old.deleted_at is null or page.fetched_at >= old.deleted_at))
