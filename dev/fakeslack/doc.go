// Package fakeslack answers like a Slack incoming webhook, and like the methods of Slack's
// web API with which a bot sends messages. It keeps what it was sent, so that development and tests see every message without a Slack.
//
// It can be configured to fail as Slack does. lazisync-dev and the tests of this module
// call it; over HTTP, people read GET /messages and tests in other processes set
// failures with POST /answer.
package fakeslack
