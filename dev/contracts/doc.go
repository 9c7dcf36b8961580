// Package contracts makes what other programs read about lazisync: the AsyncAPI document
// of its events, and .env.example. Both follow from the code, and tests fail when the
// files are not what the code says.
//
//	go generate ./contracts
//
// writes them. The tests also judge openapi.json and asyncapi.json by the rules of their
// formats. Nothing imports this package but its generator.
package contracts

//go:generate go run ./generate
