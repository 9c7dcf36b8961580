package telemetry

import "github.com/rs/zerolog"

// minOpenFiles is how many files and connections a process should be allowed to open: the
// event streams and clients of a gateway and the connections of all pools, with room to
// spare.
const minOpenFiles = 1024

// WarnOpenFiles logs a warning if the process may open too few files and connections. It
// fails with "too many open files" then and retries, without naming the limit.
func WarnOpenFiles(log zerolog.Logger) { warnOpenFiles(openFilesLimit(), log) }

func warnOpenFiles(limit uint64, log zerolog.Logger) {
	if limit < minOpenFiles {
		log.Warn().Uint64("limit", limit).Uint64("want", minOpenFiles).
			Msg("low limit of open files, raise it with ulimit -n or LimitNOFILE of systemd")
	}
}
