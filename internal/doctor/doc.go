// Package doctor checks everything that a role depends on: connections, credentials,
// permissions, streams, tables and schedules. It prints one line per check, with the fix
// where one is needed, and changes nothing. Its probes are also those of readiness and of
// the bridge, so that the doctor reports a failure whenever a role is not ready.
//
// cmd/lazisync runs it; internal/app opens the connections and says what each role depends
// on. It imports the adapters and internal/config, and no role.
package doctor
