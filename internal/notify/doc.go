// Package notify sends notifications about the outcomes of runs and about rejected commands.
//
// A Notifier reads these events from a durable consumer and passes one message per channel
// to a Sender. The Notifier alone decides whether an event is acknowledged, redelivered or
// dead-lettered. It groups identical failures within a window and combines late or numerous
// notifications into a digest. A Sender formats and posts; its error says whether and when
// a retry can help. Senders are packages of their own, such as notify/slack, and each passes
// the conformance kit notify/notifytest.
//
// internal/app builds the Notifier and feeds it. The package must not import
// internal/stream or a database driver; of this module it imports only events and
// internal/failpoint. A webhook URL is a password: it appears in no error and no log.
package notify
