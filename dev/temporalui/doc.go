// Package temporalui serves Temporal's web page on 127.0.0.1 for a server
// anywhere, without writing to the terminal and without asking the internet for news.
//
// lazisync-dev and the tests of this module call it.
package temporalui
