package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/lazi/lazisync/events"
)

const (
	// streamBuffer is the number of events that a client may be behind before it is disconnected.
	streamBuffer    = 512
	streamHeartbeat = 15 * time.Second
	streamWrite     = 10 * time.Second
	streamType      = "text/event-stream"
)

// streamEvents sends all events that are published from now on as server-sent events.
// Clients load earlier state from the REST API.
func (g *Gateway) streamEvents(w http.ResponseWriter, r *http.Request) error {
	if r.Method == http.MethodHead { // the mux treats HEAD as GET: there is nothing to wait for
		w.Header().Set("Content-Type", streamType)
		return nil
	}
	select {
	case g.streams <- struct{}{}:
		defer func() { <-g.streams }()
	default:
		return unavailable(fmt.Sprintf("the limit of %d open event streams is reached", maxStreams), nil)
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	stream := &eventStream{writer: w, control: http.NewResponseController(w), frames: make(chan []byte, streamBuffer), cancel: cancel}
	if err := g.Subscribe(ctx, stream.deliver); err != nil {
		return unavailable("live events are unavailable", err)
	}

	w.Header().Set("Content-Type", streamType)
	w.Header().Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	if err := stream.send([]byte(": connected\nretry: 2000\n\n")); err != nil {
		return nil //nolint:nilerr // the client has disconnected
	}
	g.relay(ctx, stream)
	return nil
}

// relay sends frames until the client disconnects or falls behind, or the gateway stops.
func (g *Gateway) relay(ctx context.Context, stream *eventStream) {
	heartbeat := time.NewTicker(streamHeartbeat)
	defer heartbeat.Stop()
	for {
		frame := []byte(": heartbeat\n\n")
		select {
		case <-ctx.Done():
			return
		case <-g.closing:
			return
		case frame = <-stream.frames:
		case <-heartbeat.C:
		}
		if stream.send(frame) != nil {
			return
		}
	}
}

type eventStream struct {
	writer  http.ResponseWriter
	control *http.ResponseController
	frames  chan []byte
	cancel  context.CancelFunc
}

// deliver queues an event. It never blocks: a client whose queue is full is disconnected.
func (s *eventStream) deliver(m events.Message) {
	event, err := events.Decode(m)
	if err != nil {
		return // an invalid event, which the bridge rejects
	}
	encoded, err := events.Encode(event)
	if err != nil {
		return // likewise
	}
	frame := bytes.NewBufferString("event: " + m.Subject + "\ndata: ")
	if json.Compact(frame, encoded) != nil { // a line break would end the frame
		return
	}
	frame.WriteString("\n\n")
	select {
	case s.frames <- frame.Bytes():
	default:
		s.cancel()
	}
}

func (s *eventStream) send(frame []byte) error {
	if err := s.control.SetWriteDeadline(time.Now().Add(streamWrite)); err != nil {
		return fmt.Errorf("set write deadline: %w", err)
	}
	if _, err := s.writer.Write(frame); err != nil {
		return fmt.Errorf("write event: %w", err)
	}
	if err := s.control.Flush(); err != nil {
		return fmt.Errorf("flush event: %w", err)
	}
	return nil
}
