// Package ports selects the ports of the development servers, all on 127.0.0.1: the
// default port, or a free one if the default is taken. A port that the user set and
// that is taken is an error.
//
// lazisync-dev and the packages of dev call it. It imports no package of this module.
package ports
