package events

import (
	"fmt"
	"reflect"
	"slices"
	"sync"
)

// Definition is an entry of the catalogue.
type Definition struct {
	Subject string       // the NATS subject: sync.requested
	Name    string       // the CloudEvents type: com.lazi.sync.requested.v1
	Schema  string       // the file in schemas: sync.requested.v1.json
	Command bool         // any client may publish it, also as bare JSON data
	Payload reflect.Type // the Go type of its data

	compiled func() (*schema, error)
}

// DataSchema returns the value of the dataschema attribute, which is the $id of the schema.
func (d *Definition) DataSchema() string { return schemaBase + d.Schema }

// Type is a definition with the Go type of its payload.
type Type[T any] struct{ *Definition }

// All returns the catalogue in the order of catalogue.go.
func All() []*Definition { return slices.Clone(catalogue) }

// BySubject returns the definition with a NATS subject.
func BySubject(subject string) (*Definition, bool) {
	return find(func(d *Definition) bool { return d.Subject == subject })
}

// ByType returns the definition with a CloudEvents type.
func ByType(name string) (*Definition, bool) {
	return find(func(d *Definition) bool { return d.Name == name })
}

func find(matches func(*Definition) bool) (*Definition, bool) {
	i := slices.IndexFunc(catalogue, matches)
	if i < 0 {
		return nil, false
	}
	return catalogue[i], true
}

// catalogue is filled by the declarations in catalogue.go and does not change afterwards.
var catalogue []*Definition

func define[T any](subject string, version int) Type[T] {
	d := &Definition{
		Subject: subject,
		Name:    fmt.Sprintf("%s%d", versionsOf(subject), version),
		Schema:  fmt.Sprintf("%s.v%d.json", subject, version),
		Payload: reflect.TypeFor[T](),
	}
	d.compiled = sync.OnceValues(func() (*schema, error) { return compile(d.Schema) })
	catalogue = append(catalogue, d)
	return Type[T]{d}
}

// versionsOf returns the prefix that the CloudEvents types of all versions of an event share.
func versionsOf(subject string) string { return "com.lazi." + subject + ".v" }

func command[T any](subject string, version int) Type[T] {
	t := define[T](subject, version)
	t.Command = true
	return t
}

func (d *Definition) limit() int {
	if d.Command {
		return MaxCommandSize
	}
	return MaxSize
}
