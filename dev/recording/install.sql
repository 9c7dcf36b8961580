create table public.recording (
	seq        bigint generated always as identity primary key,
	at         timestamptz not null default clock_timestamp(),
	tx         bigint      not null default pg_current_xact_id()::text::bigint,
	process    text        not null default current_setting('application_name'),
	pid        integer     not null default pg_backend_pid(),
	table_name text        not null,
	op         text        not null, -- insert, update, delete; rows: a statement wrote rows of an entity for a run
	before     jsonb,
	after      jsonb
);

-- Records a change of a row. The change gets its number while its transaction holds the lock of the row. The
-- function has the privileges of its owner, so that users of the database need none for the recording. Columns
-- that are large and show nothing about the order are left out.
create function public.record_change() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
	insert into public.recording (table_name, op, before, after) values (
		tg_table_name, lower(tg_op),
		case when tg_op <> 'INSERT' then to_jsonb(old) - array['message', 'digest', 'ids'] end,
		case when tg_op <> 'DELETE' then to_jsonb(new) - array['message', 'digest', 'ids'] end);
	return null;
end $$;

create function public.record_inserted_rows() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
	insert into public.recording (table_name, op, after)
	select tg_table_name, 'rows', jsonb_build_object('run_number', run_number, 'rows', count(*)) from written group by run_number;
	return null;
end $$;

create function public.record_updated_rows() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
	insert into public.recording (table_name, op, after)
	select tg_table_name, 'rows', jsonb_build_object('run_number', w.run_number, 'rows', count(*))
	from written w join replaced r using (tenant_id, st_id) where w.run_number is distinct from r.run_number group by w.run_number;
	return null;
end $$;
