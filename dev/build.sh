#!/usr/bin/env bash
# Builds lazisync and lazisync-dev into bin/ and shows the progress. The first build
# compiles a Temporal server, which takes minutes; the script announces it.
set -euo pipefail
cd "$(dirname "$0")/.."

first_build=50 # number of compiled packages from which this is a first build
tally=$(mktemp)
progress_pid=''
trap 'rm -f "$tally"; if [ -n "$progress_pid" ]; then kill "$progress_pid" 2>/dev/null || true; fi' EXIT

# count counts the packages that "go build -v" prints and forwards all other lines.
count() {
	local compiled=0 downloaded=0 line
	while IFS= read -r line; do
		case $line in
		'go: downloading '*) downloaded=$((downloaded + 1)) ;;
		*' '* | *:* | '#'* | '') echo "$line" >&2 ;; # an error message
		*) compiled=$((compiled + 1)) ;;
		esac
		echo "$compiled $downloaded" >"$tally"
	done
}

# show_progress prints the counts every ten seconds, or every second on a terminal.
show_progress() {
	local program=$1 began=$SECONDS every=10 announced='' compiled downloaded text
	if [ -t 1 ]; then every=1; fi
	while sleep "$every" >/dev/null 2>&1; do # without output: a leftover sleep must not keep the pipe open
		read -r compiled downloaded <"$tally" || continue
		if [ -z "$announced" ] && [ "$program" = lazisync-dev ] && [ "$compiled" -ge "$first_build" ]; then
			announced=yes
			echo "Compiling a Temporal server into lazisync-dev: about three minutes on two cores; later builds take seconds."
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
	show_progress "$program" &
	progress_pid=$!
	go -C "$module" build -v -o "$PWD/bin/$program" "./cmd/$program" 2>&1 | count || status=$?
	kill "$progress_pid" 2>/dev/null || true
	wait "$progress_pid" 2>/dev/null || true
	progress_pid=''
	if [ -t 1 ]; then printf '\r\033[K'; fi
	return "$status"
}

mkdir -p bin
build . lazisync
build dev lazisync-dev
