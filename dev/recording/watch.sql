-- Empties the recording, and records the tables of schema raw from now on. Rows that exist are recorded as inserted by
-- this connection.
truncate public.recording;
do $$
declare name text;
begin
	foreach name in array array['sync_runs', 'sync_requests', 'sync_controls', 'sync_cursors', 'sync_state'] loop
		execute format('create or replace trigger record_change after insert or update or delete on raw.%I for each row execute function public.record_change()', name);
		execute format('insert into public.recording (table_name, op, after)
			select %L, ''insert'', to_jsonb(r) - array[''message'', ''digest'', ''ids''] from raw.%I r', name, name);
	end loop;
	for name in select table_name from information_schema.tables where table_schema = 'raw' and table_name like 'st\_%' and table_type = 'BASE TABLE' loop
		execute format('create or replace trigger record_inserted_rows after insert on raw.%I referencing new table as written
			for each statement execute function public.record_inserted_rows()', name);
		execute format('create or replace trigger record_updated_rows after update on raw.%I referencing old table as replaced new table as written
			for each statement execute function public.record_updated_rows()', name);
	end loop;
end $$;
