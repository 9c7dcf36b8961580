// Package slack sends notifications to Slack: to incoming webhooks and receivers that are
// compatible with them, or as a bot, which edits the message of an incident.
//
// internal/app passes its Sender to the Notifier of package notify, and internal/doctor checks
// webhooks and tokens. Of this module it imports only notify, notify/message and events.
package slack
