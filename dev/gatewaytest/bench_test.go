package gatewaytest

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/natsserver"
)

// callers is how many connections deliver at once.
const callers = 64

// BenchmarkWebhooks is the rate at which deliveries are taken, each acknowledged by a
// JetStream that writes to files, and how long the slowest hundredth of them waits. The
// callers share the machine with the gateway and NATS.
func BenchmarkWebhooks(b *testing.B) {
	for name, always := range map[string]bool{"file": false, "file, every write synced": true} {
		b.Run(name, func(b *testing.B) {
			r := newRigAt(b, natsserver.Options{Dir: b.TempDir(), SyncAlways: always, Log: zerolog.Nop()})
			requests := make([][]byte, b.N)
			for i := range requests {
				body := fmt.Appendf(nil, `{"id":%d,"name":"Ana Kim","active":true,"balance":12.5,"modifiedOn":"2026-03-01T11:59:58.1234567Z",`+
					`"eventId":"2026-03-01T11:59:59.%07dZ","eventType":"customer.updated","__tenantInfo":{"id":1001,"name":"simulated-1001"}}`, i, i)
				requests[i] = fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n%s: %s\r\nContent-Length: %d\r\n\r\n%s",
					path, header, sign(body), len(body), body)
			}
			took := make([]time.Duration, b.N)
			var wait sync.WaitGroup
			b.ResetTimer()
			for caller := range callers {
				wait.Go(func() { deliver(b, r.addr, requests, took, caller) })
			}
			wait.Wait()
			b.StopTimer()
			slices.Sort(took)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "webhooks/s")
			b.ReportMetric(float64(took[b.N*99/100].Microseconds())/1000, "ms-p99")
		})
	}
}

// deliver makes every so manieth request over a connection of its own.
func deliver(b *testing.B, addr string, requests [][]byte, took []time.Duration, from int) {
	connection, err := net.Dial("tcp", addr)
	if err != nil {
		b.Error(err)
		return
	}
	defer connection.Close()
	answers := bufio.NewReader(connection)
	for i := from; i < len(requests); i += callers {
		began := time.Now()
		if _, err = connection.Write(requests[i]); err != nil {
			b.Error(err)
			return
		}
		response, err := http.ReadResponse(answers, nil)
		if err != nil {
			b.Error(err)
			return
		}
		_, err = answers.Discard(int(response.ContentLength))
		took[i] = time.Since(began)
		if err != nil || response.StatusCode != http.StatusOK {
			b.Errorf("answered %s: %v", response.Status, err)
			return
		}
	}
	require.NoError(b, err)
}
