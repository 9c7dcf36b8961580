package natsserver

import (
	"fmt"
	"sync"

	"github.com/rs/zerolog"
)

// natsLog implements nats-server's Logger with zerolog. nats-server exits after Fatalf only
// in its own main; here Start returns the message as an error.
type natsLog struct {
	log zerolog.Logger

	mu     sync.Mutex
	reason error
}

func (l *natsLog) Noticef(format string, v ...any) { l.log.Debug().Msgf(format, v...) }
func (l *natsLog) Warnf(format string, v ...any)   { l.log.Warn().Msgf(format, v...) }
func (l *natsLog) Errorf(format string, v ...any)  { l.log.Error().Msgf(format, v...) }
func (l *natsLog) Debugf(format string, v ...any)  { l.log.Debug().Msgf(format, v...) }
func (l *natsLog) Tracef(format string, v ...any)  { l.log.Trace().Msgf(format, v...) }

func (l *natsLog) Fatalf(format string, v ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.reason == nil {
		l.reason = fmt.Errorf(format, v...)
	}
}

func (l *natsLog) fatal() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.reason
}
