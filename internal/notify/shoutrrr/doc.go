// Package shoutrrr sends notifications as text to the services that the library of that name
// knows: Teams, PagerDuty, e-mail and others, each with its own form of URL.
//
// internal/app passes its Senders to the Notifier of package notify. Of this module it imports
// only notify, notify/message and events.
package shoutrrr
