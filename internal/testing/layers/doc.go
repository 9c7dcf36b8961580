// Package layers holds no code: its test keeps the packages of this module apart. The
// table in layers_test.go says who may import whom; a new package needs a line there.
//
// No package imports it, and it imports nothing of this module.
package layers
