// Package docs checks that the documentation matches the code. It generates
// configuration.md and entities.md; its tests check links, commands, variables,
// subjects, columns, examples and the identifiers of the glossary.
//
// Only go generate and the tests use it. No other package may import it.
package docs

//go:generate go run generate.go
