// Package notify tells people how syncs ended, and which commands were rejected.
//
// The Notifier takes these events off a durable consumer and has a Sender send one
// message to everyone an event names; it alone decides what becomes of the event. The
// same failure again, within a window, is only counted, and what has piled up is told
// as a digest. A Sender only formats and posts, and its error says whether another try
// is worth it. Slack is the one there is.
//
// internal/app builds and feeds the Notifier. The package must not import
// internal/stream, a database driver or anything of ours but events. A webhook URL
// is a password: it never appears in an error or in a log.
package notify
