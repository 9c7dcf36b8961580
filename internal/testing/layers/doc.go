// Package layers contains no code: its test enforces the imports between the packages of this
// module. The table in layers_test.go lists the allowed imports; a new package needs a line there.
// No package imports it, and it imports nothing of this module.
package layers
