// Package legacy keeps the contract of the Node worker that lazisync replaces: its two
// workflow types, which callers start by name. Package legacy/adoption takes over its
// tables. ADR 30 says when both are removed and how.
//
// The worker role registers the workflows and the activities. The package reaches the rest
// of lazisync as every client does, through events, and must not import an adapter.
package legacy
