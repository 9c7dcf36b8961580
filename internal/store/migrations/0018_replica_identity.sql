-- Rejected records have no key, and logical replication may publish all tables.

-- +goose Up
alter table raw.rejected_records replica identity full;
