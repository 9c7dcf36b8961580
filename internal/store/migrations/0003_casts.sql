-- Lenient casts from JSON: what does not fit the type is NULL, never an error.
-- They are plain SQL so that the planner inlines them; only timestamps in unusual formats cost a
-- function call.

-- +goose Up
create function raw.to_text(j jsonb) returns text language sql immutable parallel safe as $$
    select case when jsonb_typeof(j) in ('string', 'number', 'boolean') then j #>> '{}' end
$$;

create function raw.to_bigint(j jsonb) returns bigint language sql immutable parallel safe as $$
    select case jsonb_typeof(j)
        when 'number' then
            case when j::numeric between -9223372036854775808 and 9223372036854775807 and j::numeric = trunc(j::numeric)
                then j::bigint end
        when 'string' then
            case when (j #>> '{}') ~ '^[+-]?[0-9]{1,19}$' then
                case when (j #>> '{}')::numeric between -9223372036854775808 and 9223372036854775807
                    then (j #>> '{}')::bigint end
            end
    end
$$;

-- Some endpoints send amounts as numbers, others as strings. The limits of length and exponent
-- keep the value within the range of numeric.
create function raw.to_numeric(j jsonb) returns numeric language sql immutable parallel safe as $$
    select case jsonb_typeof(j)
        when 'number' then j::numeric
        when 'string' then
            case when length(j #>> '{}') <= 1000
                  and (j #>> '{}') ~ '^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{1,3})?$'
                then (j #>> '{}')::numeric end
    end
$$;

create function raw.to_boolean(j jsonb) returns boolean language sql immutable parallel safe as $$
    select case jsonb_typeof(j)
        when 'boolean' then j::boolean
        when 'string' then case lower(j #>> '{}') when 'true' then true when 'false' then false end
    end
$$;

-- Timestamps that are not in the UTC format. One without a time zone is UTC.
-- +goose StatementBegin
create function raw.to_timestamptz_checked(t text) returns timestamptz
    language plpgsql stable set timezone = 'UTC' set datestyle = 'ISO, YMD' as $$
begin
    if t !~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?)?$' then
        return null;
    end if;
    return regexp_replace(t, '([.][0-9]{6})[0-9]+', '\1')::timestamptz;
exception when data_exception then
    return null;
end
$$;
-- +goose StatementEnd

-- ServiceTitan sends seven decimal places. Digits below a microsecond are truncated: rounding up
-- could give a time in the future.
create function raw.to_timestamptz(j jsonb) returns timestamptz language sql stable as $$
    select case
        when jsonb_typeof(j) <> 'string' then null
        when (j #>> '{}') ~ ('^[12][0-9]{3}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))'
                          || 'T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]+)?Z$')
            then (left(rtrim(j #>> '{}', 'Z'), 26) || 'Z')::timestamptz
        else raw.to_timestamptz_checked(j #>> '{}')
    end
$$;
