#!/usr/bin/env bash
# Builds both programs into bin/. The first build compiles a whole Temporal server and
# takes minutes: then it says so and shows that it moves.
set -euo pipefail
cd "$(dirname "$0")/.."

cold=50 # packages to compile before it is worth a word

# progress counts the packages that "go build -v" names and passes everything else on.
progress() {
	local module=$1 program=$2 compiled=0 downloaded=0 total='' shown=$SECONDS began=$SECONDS line
	while IFS= read -r line; do
		case $line in
		'go: downloading '*)
			downloaded=$((downloaded + 1))
			[ $((downloaded % 50)) -eq 0 ] && echo "  $program: downloaded $downloaded modules"
			continue
			;;
		*' '* | *:* | '#'* | '') # no package, so an error
			echo "$line" >&2
			continue
			;;
		esac
		compiled=$((compiled + 1))
		[ "$compiled" -lt "$cold" ] && continue
		if [ -z "$total" ]; then
			total=$(go -C "$module" list -deps "./cmd/$program" | wc -l | tr -d ' ')
			[ "$program" = lazisync-dev ] && echo "Building lazisync-dev, which holds a Temporal server: about three minutes on two cores, the next time seconds."
		fi
		if [ -t 1 ]; then
			printf '\r  %s: %d of at most %d packages, %d s ' "$program" "$compiled" "$total" $((SECONDS - began))
		elif [ $((SECONDS - shown)) -ge 10 ]; then
			shown=$SECONDS
			echo "  $program: $compiled of at most $total packages, $((SECONDS - began)) s"
		fi
	done
	if [ -n "$total" ]; then
		if [ -t 1 ]; then printf '\r\033[K'; fi
		echo "  $program: compiled $compiled packages in $((SECONDS - began)) s"
	fi
}

build() {
	go -C "$1" build -v -o "$PWD/bin/$2" "./cmd/$2" 2>&1 | progress "$1" "$2"
}

mkdir -p bin
build . lazisync
build dev lazisync-dev
