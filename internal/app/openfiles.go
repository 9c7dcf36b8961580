package app

import "github.com/rs/zerolog"

// filesWanted is how many files and connections a process should be allowed: the streams
// and callers of a gateway, and the connections of all pools, with room to spare.
const filesWanted = 1024

// checkOpenFiles tells of a limit that connections will run into. They are tried again
// then, and their errors say "too many open files", but not how many those are.
func checkOpenFiles(most uint64, log zerolog.Logger) {
	if most < filesWanted {
		log.Warn().Uint64("limit", most).Uint64("want", filesWanted).
			Msg("few files and connections may be open at once: raise the limit with ulimit -n, or LimitNOFILE of systemd")
	}
}
