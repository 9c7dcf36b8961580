-- The rate budget of API calls of each tenant, shared by all processes.

-- +goose Up
-- Unlogged: after a crash the budget is full, which allows at most one more burst.
create unlogged table raw.call_budgets (
    tenant_id bigint           primary key,
    calls     double precision not null,
    at        timestamptz      not null,
    share     double precision not null default 1,
    slowed_at timestamptz      not null
) with (fillfactor = 50);
comment on table raw.call_budgets is 'API calls that are left in the rate budget of a tenant.';
comment on column raw.call_budgets.calls is 'Calls available at the time at. They grow from then on, up to the burst.';
comment on column raw.call_budgets.share is 'Share of the rate limit in use since ServiceTitan answered 429 at slowed_at. It grows back from then on.';

create unlogged table raw.call_leases (
    tenant_id bigint      not null,
    holder    text        not null,
    calls     int         not null,
    until     timestamptz not null,
    primary key (tenant_id, holder)
) with (fillfactor = 50);
comment on table raw.call_leases is 'Calls that a process has leased until a time. They count as part of the burst.';

-- Takes the calls that are waiting (wanted) and, if there is slack, leases further ones (ahead).
-- Calls that are not interactive leave at least reserve of the burst. If not all wanted calls are
-- granted, wait is the number of seconds after which to request again. empty is the time since the
-- taker's last leased call was used or expired.
-- +goose StatementBegin
create function raw.lease_calls(
    tenant bigint, taker text, per_second double precision, burst double precision, reserve double precision, recovery double precision,
    wanted int, ahead int, hold interval, empty interval, interactive boolean, now timestamptz,
    out granted int, out held int, out wait double precision
) language plpgsql as $$
declare
    budget  raw.call_budgets;
    pace    double precision;
    before  double precision; -- calls in hand until lately
    others  double precision; -- calls in hand now
    lately  timestamptz;
    least_left double precision := case when interactive then 0 else reserve end;
    goal    double precision;
begin
    insert into raw.call_budgets (tenant_id, calls, at, slowed_at)
        values (tenant, burst, coalesce(now, clock_timestamp()), coalesce(now, clock_timestamp()))
        on conflict do nothing;
    select * into strict budget from raw.call_budgets b where b.tenant_id = tenant for update;
    now := coalesce(now, clock_timestamp()); -- not before the row is ours

    -- What is in hand takes up room until it is used or lapses, and only from then on
    -- the room may fill. A lease is taken to be whole until then.
    select coalesce(sum(l.calls), 0),
           coalesce(sum(l.calls) filter (where l.holder <> taker and l.until > now), 0),
           coalesce(max(least(l.until, case when l.holder = taker then now - empty end)) filter (where l.holder = taker or l.until <= now), now)
      into before, others, lately
      from raw.call_leases l where l.tenant_id = tenant;
    lately := greatest(lately, budget.at);
    pace := per_second * least(1, budget.share + recovery * extract(epoch from greatest(interval '0', now - budget.slowed_at)));
    budget.calls := least(burst - before, budget.calls + pace * extract(epoch from lately - budget.at));
    budget.calls := least(burst - others, budget.calls + pace * extract(epoch from greatest(interval '0', now - lately)));
    budget.at := greatest(budget.at, now);
    delete from raw.call_leases l where l.tenant_id = tenant and (l.holder = taker or l.until <= now);

    granted := greatest(0, least(wanted, floor(budget.calls - least_left + 1e-6)));
    budget.calls := budget.calls - granted;
    held := 0;
    wait := 0;
    if granted = wanted then
        held := greatest(0, least(ahead, floor(budget.calls - reserve - 1)));
        budget.calls := budget.calls - held;
    else
        -- Interactive calls come back for the next one, the others for some at once.
        goal := least_left + case when interactive then 1 else least(wanted - granted, greatest(1, floor((burst - reserve) / 2))) end;
        goal := greatest(least_left + 1, least(goal, burst - others));
        wait := extract(epoch from greatest(interval '0', budget.at - now)) + greatest(0, goal - budget.calls) / pace;
    end if;
    update raw.call_budgets b set calls = budget.calls, at = budget.at where b.tenant_id = tenant;
    if held > 0 then
        insert into raw.call_leases (tenant_id, holder, calls, until) values (tenant, taker, held, now + hold);
    end if;
end
$$;
-- +goose StatementEnd

-- ServiceTitan answered 429: no process calls for a while, and then at a lower rate. The 429s of
-- concurrent calls count as one.
-- +goose StatementBegin
create function raw.slow_calls(tenant bigint, burst double precision, recovery double precision, pause interval, now timestamptz)
returns void language plpgsql as $$
declare
    budget raw.call_budgets;
begin
    insert into raw.call_budgets (tenant_id, calls, at, slowed_at)
        values (tenant, burst, coalesce(now, clock_timestamp()), coalesce(now, clock_timestamp()))
        on conflict do nothing;
    select * into strict budget from raw.call_budgets b where b.tenant_id = tenant for update;
    now := coalesce(now, clock_timestamp());
    if now >= budget.slowed_at then
        budget.share := greatest(0.1, 0.5 * least(1, budget.share + recovery * extract(epoch from now - budget.slowed_at)));
        budget.slowed_at := now;
    end if;
    update raw.call_budgets b
       set calls = 0, at = greatest(b.at, now + pause), share = budget.share, slowed_at = greatest(budget.slowed_at, now + pause)
     where b.tenant_id = tenant;
end
$$;
-- +goose StatementEnd
