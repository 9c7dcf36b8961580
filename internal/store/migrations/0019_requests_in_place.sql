-- A request is accepted in place (HOT): no index depends on its state, and pages keep room for the
-- second version of each row, which is a little larger. The index on unclaimed requests finds those
-- that were not accepted.

-- +goose Up
drop index raw.sync_requests_received;
alter table raw.sync_requests set (fillfactor = 45);
