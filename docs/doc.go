// Package docs keeps the documents true. It writes those that are made from the code
// (configuration.md, entities.md), and its tests hold the rest to the code: links,
// commands, variables, events, columns and examples.
//
// go generate calls it, and the tests; no part of the product may import it.
package docs

//go:generate go run generate.go
