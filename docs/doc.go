// Package docs checks that the documentation matches the code. Its tests check links, commands,
// variables, subjects, columns, examples and the identifiers of the glossary, and generate
// configuration.md, entities.md and the references of HTTP, metrics and views. No other package
// imports it.
package docs

//go:generate go test -run TestDocsGeneratedFromCodeAreCurrent -update .
