// Package durable writes small files that survive a power failure. os.WriteFile leaves them in the page
// cache: after a power failure they are empty, or do not exist, although what was written to other
// files afterwards exists.
//
// The embedded servers of tests and of lazisync-dev keep secrets and parameters in such files.
package durable
