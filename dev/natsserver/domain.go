package natsserver

import (
	"time"

	"github.com/nats-io/nats.go"
)

// HasDomain reports whether the JetStream API of a domain responds at the URL of a server. A leaf node
// learns of the domain a moment after it has connected.
func HasDomain(url, domain string) bool {
	client, err := nats.Connect(url)
	if err != nil {
		return false
	}
	defer client.Close()
	_, err = client.Request("$JS."+domain+".API.INFO", nil, time.Second)
	return err == nil
}
