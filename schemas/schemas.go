package schemas

import "embed"

// Files holds every JSON Schema, named <subject>.v<version>.json.
//
//go:embed *.v*.json
var Files embed.FS

// OpenAPI describes the HTTP interface. It is written by hand; tests compare it with the
// gateway.
//
//go:embed openapi.json
var OpenAPI []byte

// AsyncAPI describes the events. It is made from the catalogue of events and the JSON
// Schemas; see dev/contracts.
//
//go:embed asyncapi.json
var AsyncAPI []byte
