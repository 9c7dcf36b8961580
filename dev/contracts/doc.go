// Package contracts generates what other programs read about lazisync: the AsyncAPI document
// of its events, and .env.example. Its tests fail if the files differ from the code; go generate
// writes them. The tests also check openapi.json and asyncapi.json by the schemas of their
// formats. No other package imports it.
package contracts

//go:generate go test -vet=off -run TestGeneratedDocumentsAreCurrent -update .
