package schemas

import "embed"

// Files holds every JSON Schema, named <subject>.v<version>.json.
//
//go:embed *.json
var Files embed.FS
