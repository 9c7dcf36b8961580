// Package slack sends notifications to Slack's incoming webhooks, and to receivers that are
// compatible with them.
//
// internal/app passes its Sender to the Notifier of package notify. Of this module it
// imports only notify and events.
package slack
