// Package message renders notifications as text, in the markup of a channel.
//
// Senders, the packages beside it, call it. Of this module it imports only notify and events.
package message
