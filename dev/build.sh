#!/usr/bin/env bash
# Builds both programs into bin/. The first build compiles a whole Temporal server and
# takes minutes: then it says so, and in any case it shows that it moves.
set -euo pipefail
cd "$(dirname "$0")/.."

cold=50 # so many compiled packages mean that this is a first build
tally=$(mktemp)
pulse=''
trap 'rm -f "$tally"; if [ -n "$pulse" ]; then kill "$pulse" 2>/dev/null || true; fi' EXIT

# count notes how many packages "go build -v" has named and passes everything else on.
count() {
	local compiled=0 downloaded=0 line
	while IFS= read -r line; do
		case $line in
		'go: downloading '*) downloaded=$((downloaded + 1)) ;;
		*' '* | *:* | '#'* | '') echo "$line" >&2 ;; # no package, so an error
		*) compiled=$((compiled + 1)) ;;
		esac
		echo "$compiled $downloaded" >"$tally"
	done
}

# beat shows every ten seconds, or on a terminal every second, how far it is.
beat() {
	local program=$1 began=$SECONDS every=10 told='' compiled downloaded text
	if [ -t 1 ]; then every=1; fi
	while sleep "$every" >/dev/null 2>&1; do # a sleep left behind holds no pipe open
		read -r compiled downloaded <"$tally" || continue
		if [ -z "$told" ] && [ "$program" = lazisync-dev ] && [ "$compiled" -ge "$cold" ]; then
			told=yes
			echo "Compiling a Temporal server into lazisync-dev: about three minutes on two cores, the next time seconds."
		fi
		text="  $program: $compiled packages compiled, $((SECONDS - began)) s"
		if [ "$downloaded" -gt 0 ]; then text="$text, $downloaded modules downloaded"; fi
		if [ -t 1 ]; then
			if [ $((SECONDS - began)) -ge 3 ]; then printf '\r%s ' "$text"; fi
		else
			echo "$text"
		fi
	done
}

# build compiles one program of one module.
build() {
	local module=$1 program=$2 status=0
	echo "0 0" >"$tally"
	beat "$program" &
	pulse=$!
	go -C "$module" build -v -o "$PWD/bin/$program" "./cmd/$program" 2>&1 | count || status=$?
	kill "$pulse" 2>/dev/null || true
	wait "$pulse" 2>/dev/null || true
	pulse=''
	if [ -t 1 ]; then printf '\r\033[K'; fi
	return "$status"
}

mkdir -p bin
build . lazisync
build dev lazisync-dev
