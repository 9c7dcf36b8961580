// Package temporalserver runs the Temporal server inside this process, on
// 127.0.0.1, with everything it knows in one SQLite file. It is the server that
// clusters run, with all four of its services, not a simulation.
//
// lazisync-dev and the tests of this module call it. It knows no workflow. Its
// web page is the package temporalui.
package temporalserver
