// Package webhook sends notifications to a receiver of signed webhooks, as the Standard
// Webhooks specification describes them (https://www.standardwebhooks.com).
//
// internal/app passes its Sender to the Notifier of package notify. Of this module it
// imports only notify, notify/message and events.
package webhook
