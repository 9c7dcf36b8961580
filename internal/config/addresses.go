package config

import (
	"errors"
	"net"
	"net/netip"
	neturl "net/url"
	"slices"
	"strconv"
	"strings"
)

// natsURL parses the address of a NATS server, or the addresses of a cluster, separated by commas.
func natsURL(c *Config, text string) error {
	const want = "nats:// or tls:// URLs, or only ws:// and wss:// URLs, such as nats://host:4222"
	var urls []string
	web := 0
	for part := range strings.SplitSeq(text, ",") {
		u, err := parseURL(part, "nats", "tls", "ws", "wss")
		if err != nil || strings.Trim(u.Path, "/") != "" {
			return errors.New(want)
		}
		if strings.HasPrefix(u.Scheme, "ws") {
			web++
		}
		urls = append(urls, strings.TrimSpace(part))
	}
	if web != 0 && web != len(urls) { // the client rejects both together
		return errors.New(want)
	}
	c.NATS.URL = strings.Join(urls, ",")
	return nil
}

// webURL parses an http or https address without user and password.
func webURL(field func(*Config) *string) setter {
	return func(c *Config, text string) error {
		u, err := parseURL(text, "https", "http")
		if err != nil || u.User != nil {
			return errors.New("an https:// or http:// URL without user and password, such as https://host/path")
		}
		*field(c) = text
		return nil
	}
}

// parseURL parses the address of a server: one of the given schemes, a host, and a valid port,
// without query and fragment.
func parseURL(text string, schemes ...string) (*neturl.URL, error) {
	u, err := neturl.Parse(strings.TrimSpace(text))
	switch {
	case err != nil:
		return nil, err
	case !slices.Contains(schemes, u.Scheme), !isHost(u.Hostname()), u.RawQuery != "", u.ForceQuery, u.Fragment != "":
		return nil, errors.New("not the address of a server")
	case strings.HasSuffix(u.Host, ":"), u.Port() != "" && !isPort(u.Port(), 1):
		return nil, errors.New("not a port")
	}
	return u, nil
}

// dialAddress parses the host:port of a server to connect to.
func dialAddress(field func(*Config) *string) setter {
	return func(c *Config, text string) error {
		host, port, err := net.SplitHostPort(text)
		if err != nil || !isHost(host) {
			return errors.New("host:port")
		}
		if !isPort(port, 1) {
			return errors.New("host:port with a port from 1 to 65535")
		}
		*field(c) = text
		return nil
	}
}

// listenAddress parses host:port to listen on. Without a host it means all addresses of the
// machine, and port 0 any free port.
func listenAddress(field func(*Config) *string) setter {
	return func(c *Config, text string) error {
		host, port, err := net.SplitHostPort(text)
		if err != nil || host != "" && !isHost(host) {
			return errors.New("host:port")
		}
		if !isPort(port, 0) {
			return errors.New("host:port with a port from 0 to 65535")
		}
		*field(c) = text
		return nil
	}
}

func hostName(field func(*Config) *string) setter {
	return func(c *Config, text string) error {
		if !isHost(text) {
			return errors.New("the name of a host, without scheme and port")
		}
		*field(c) = text
		return nil
	}
}

// isHost reports whether a text is a valid name or address of a host.
func isHost(text string) bool {
	if _, err := netip.ParseAddr(text); err == nil {
		return true
	}
	if text == "" || len(text) > 253 {
		return false
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(text, "."), ".") {
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, func(r rune) bool { return !isNameRune(r) }) {
			return false
		}
	}
	return true
}

// isNameRune reports whether a character is allowed in a label of a host name. Names in container
// networks have underscores, too.
func isNameRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_'
}

// isLoopback reports whether a host is a loopback address.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func isPort(text string, least int) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && int(n) >= least
}

// isWebURL reports whether a browser can open a text as an address.
func isWebURL(text string) bool {
	u, err := neturl.Parse(text)
	return err == nil && isHost(u.Hostname()) && (u.Port() == "" || isPort(u.Port(), 1)) && (u.Scheme == "https" || u.Scheme == "http")
}

// runURL parses an address with placeholders for the identity of a run.
func runURL(c *Config, text string) error {
	example := strings.NewReplacer("{workflowId}", "w", "{runId}", "r", "{runNumber}", "1").Replace(text)
	if !isWebURL(example) || strings.ContainsAny(example, "{}<>|") || !isWord(example) || example == text {
		return errors.New("an https address with {workflowId}, {runId} or {runNumber} in it")
	}
	c.Slack.RunURL = text
	return nil
}
