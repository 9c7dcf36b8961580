//go:build !failpoint

package failpoint

// Hit does nothing in this build.
func Hit(string) {}

// Error returns nil in this build.
func Error(string, error) error { return nil }
