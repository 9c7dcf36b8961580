package config

import (
	"errors"
	neturl "net/url"
	"strings"
)

// OTLP is the exporter of OTEL_TRACES_EXPORTER and OTEL_METRICS_EXPORTER that sends to a
// collector.
const OTLP = "otlp"

// Samplers lists the values of OTEL_TRACES_SAMPLER.
var Samplers = []string{
	"always_on", "always_off", "traceidratio", "parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio",
}

// otlpHeaders parses the headers of exports.
func otlpHeaders(c *Config, text string) error {
	pairs, ok := parsePairs(text)
	if !ok {
		return errors.New("headers as name=value, separated by commas, with percent-encoded values")
	}
	c.OTLP.Headers = map[string]Secret{}
	for name, value := range pairs {
		c.OTLP.Headers[name] = Secret(value)
	}
	return nil
}

// resourceAttributes parses the attributes of exported traces and metrics.
func resourceAttributes(c *Config, text string) error {
	pairs, ok := parsePairs(text)
	if !ok {
		return errors.New("attributes as key=value, separated by commas, with percent-encoded values")
	}
	c.OTLP.Attributes = pairs
	return nil
}

// parsePairs parses key=value pairs in the form of OpenTelemetry's variables, which is that of
// the W3C Baggage header.
func parsePairs(text string) (pairs map[string]string, ok bool) {
	pairs = map[string]string{}
	for pair := range strings.SplitSeq(text, ",") {
		key, encoded, hasValue := strings.Cut(pair, "=")
		key, encoded = strings.TrimSpace(key), strings.TrimSpace(encoded)
		value, err := neturl.PathUnescape(encoded)
		if _, twice := pairs[key]; twice || !hasValue || !isToken(key) || !isToken(encoded) || err != nil {
			return nil, false
		}
		pairs[key] = value
	}
	return pairs, true
}

func sampleRate(c *Config, text string) error {
	n, ok := decimal(text)
	if !ok || n < 0 || n > 1 {
		return errors.New("a number from 0 to 1")
	}
	c.OTLP.SampleRate = n
	return nil
}
