package app

import "golang.org/x/mod/semver"

// olderVersion compares versions as servers show them, 2.15.2 or v2.15.2.
func olderVersion(got, than string) bool { return semver.Compare("v"+got, "v"+than) < 0 }
