// Package ports decides where the development servers listen, always on
// 127.0.0.1: on their usual port, on a free one where the usual is taken, and on
// none at all where the user asked for a port that is taken.
//
// lazisync-dev and the packages beside this one call it. It imports nothing of
// this module.
package ports
