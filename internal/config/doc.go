// Package config reads the configuration: environment variables, the files that hold
// secrets, and the file with several tenants. It is the only package that reads the
// environment. Load reports every problem at once, by the name of the variable.
//
// internal/app loads it and translates it into the options of the adapters, which never
// see it. The package imports internal/entity and, to parse lists of entities, events.
package config
