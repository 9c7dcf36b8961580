package config

import (
	"regexp"
	"slices"
	"strings"
)

// Kubernetes sets variables in each container for every service of the namespace, unless the pod
// has enableServiceLinks: false. A service sync-gateway results in
// SYNC_GATEWAY_PORT=tcp://10.0.0.7:8080 and others.
var (
	serviceHost    = regexp.MustCompile(`_SERVICE_HOST$|_PORT_[0-9]+_(TCP|UDP|SCTP)_ADDR$`)
	servicePort    = regexp.MustCompile(`_SERVICE_PORT(_[A-Z0-9_]+)?$|_PORT_[0-9]+_(TCP|UDP|SCTP)_PORT$`)
	serviceProto   = regexp.MustCompile(`_PORT_[0-9]+_(TCP|UDP|SCTP)_PROTO$`)
	serviceAddress = regexp.MustCompile(`_PORT(_[0-9]+_(TCP|UDP|SCTP))?$`)
)

// isServiceLink reports whether a variable is one of those, by its name and its value.
func isServiceLink(name, value string) bool {
	switch {
	case serviceHost.MatchString(name):
		return isHost(value)
	case servicePort.MatchString(name):
		return isPort(value, 1)
	case serviceProto.MatchString(name):
		return slices.Contains([]string{"tcp", "udp", "sctp"}, strings.ToLower(value))
	case serviceAddress.MatchString(name):
		_, err := parseURL(value, "tcp", "udp", "sctp")
		return err == nil
	}
	return false
}
