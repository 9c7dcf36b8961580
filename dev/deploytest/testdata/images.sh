#!/bin/sh
# Builds the images of docker-compose.yml on a machine without a registry: the programs from
# the Go modules that dev/go.mod requires, PostgreSQL and a shell from the files of this machine.
#
#   PODMAN='podman --root …' NATS_IMAGE=… POSTGRES_IMAGE=… TEMPORAL_IMAGE=… TOOLS_IMAGE=… images.sh ROOT WORK
#
# ROOT is the repository, WORK an empty folder.
set -eu
root=$1 work=$2

cd "$root/dev"
server=$(go list -m -f '{{.Dir}}' go.temporal.io/server)
bin=$work/bin
mkdir -p "$bin"
go build -o "$bin/temporal-server" go.temporal.io/server/cmd/server
go build -o "$bin/temporal-sql-tool" go.temporal.io/server/cmd/tools/sql
go build -o "$bin/temporal" ./deploytest/operator
go build -o "$bin/nats-server" github.com/nats-io/nats-server/v2
cd "$root"
CGO_ENABLED=0 go build -o "$bin/lazisync" ./cmd/lazisync
CGO_ENABLED=0 go build -o "$bin/servicetitan-simulator" ./cmd/servicetitan-simulator

# copy puts files and the libraries that they need below $dir.
copy() {
	for file in "$@"; do
		for each in "$file" $(ldd "$file" 2>/dev/null | grep -o '/[^ ]*'); do
			mkdir -p "$dir$(dirname "$each")"
			[ -e "$dir$each" ] || cp -L "$each" "$dir$each"
		done
	done
}

# image builds an image of the folder $dir and the lines of its Containerfile on standard input.
image() {
	cat >"$work/Containerfile"
	# shellcheck disable=SC2086
	$PODMAN build --quiet --pull=never --format=docker --file="$work/Containerfile" --tag="$1" "$dir" >/dev/null
	rm -rf "$dir"
}
new() { dir=$work/image; mkdir -p "$dir"; }

new # distroless/static: no shell, CA certificates, time zones, users
mkdir -p "$dir/etc/ssl/certs" "$dir/usr/share" "$dir/tmp"
cp /etc/ssl/certs/ca-certificates.crt "$dir/etc/ssl/certs/" 2>/dev/null || true
cp -rL /usr/share/zoneinfo "$dir/usr/share/"
echo 'nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin' >"$dir/etc/passwd"
echo 'nonroot:x:65532:' >"$dir/etc/group"
image gcr.io/distroless/static-debian12:nonroot <<'C'
FROM scratch
COPY . /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
C

new # the build stages of the Dockerfile
cp "$bin/lazisync" "$bin/servicetitan-simulator" "$dir/"
image localhost/build <<'C'
FROM scratch
COPY . /
C

# The other stages of the Dockerfile, unchanged.
for target in lazisync simulator; do
	new
	name=$target
	[ "$target" = simulator ] && name=servicetitan-simulator
	awk -v target="$target" '
		/^FROM/ { stage = $0 ~ /AS simulator$/ ? "simulator" : $0 ~ /AS / ? "" : "lazisync" }
		stage == target { sub(/--from=[a-z-]*build/, "--from=localhost/build"); print }
	' Dockerfile | image "docker.io/library/$name:dev"
done

new # alpine: a shell and its tools
copy /usr/bin/getent
mkdir -p "$dir/bin" "$dir/etc" "$dir/tmp" "$dir/run"
chmod 1777 "$dir/tmp" "$dir/run"
cp "$(command -v busybox)" "$dir/bin/busybox"
for applet in $("$dir/bin/busybox" --list); do [ "$applet" = busybox ] || ln -s busybox "$dir/bin/$applet"; done
# Debian's busybox has no nc -z: 1 is a refused connection, any other code a connection.
cat >"$dir/nc" <<'S'
#!/bin/sh
[ "$1" = -z ] && shift
echo | timeout 2 busybox nc "$@" >/dev/null 2>&1
[ $? -ne 1 ]
S
rm "$dir/bin/nc"
install -m 755 "$dir/nc" "$dir/bin/nc"
rm "$dir/nc"
printf '%s\n' 'root:x:0:0:root:/root:/bin/sh' 'postgres:x:70:70::/var/lib/postgresql:/bin/sh' 'temporal:x:1000:1000::/tmp:/bin/sh' >"$dir/etc/passwd"
printf '%s\n' 'root:x:0:' 'postgres:x:70:' 'temporal:x:1000:' >"$dir/etc/group"
echo 'hosts: files dns' >"$dir/etc/nsswitch.conf"
image localhost/alpine <<'C'
FROM scratch
COPY . /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
C

new
mkdir -p "$dir/usr/local/bin"
copy "$bin/nats-server"
mv "$dir$bin/nats-server" "$dir/usr/local/bin/"
image "$NATS_IMAGE" <<'C'
FROM localhost/alpine
COPY . /
ENTRYPOINT ["nats-server"]
C

new
mkdir -p "$dir/usr/local/bin" "$dir/etc/temporal"
copy "$bin/temporal-server"
mv "$dir$bin/temporal-server" "$dir/usr/local/bin/"
install -m 755 "$server/docker/scripts/sh/entrypoint.sh" "$dir/etc/temporal/"
image "$TEMPORAL_IMAGE" <<'C'
FROM localhost/alpine
COPY . /
WORKDIR /etc/temporal
USER temporal
CMD ["/etc/temporal/entrypoint.sh"]
C

new
mkdir -p "$dir/usr/local/bin" "$dir/etc/temporal"
for program in temporal temporal-sql-tool; do
	copy "$bin/$program"
	mv "$dir$bin/$program" "$dir/usr/local/bin/"
done
cp -r "$server/schema" "$dir/etc/temporal/"
image "$TOOLS_IMAGE" <<'C'
FROM localhost/alpine
COPY . /
USER temporal
CMD ["sh"]
C

new # PostgreSQL of this machine, with an entry point that does what the published one is asked for
programs=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1)
version=$(basename "$(dirname "$programs")")
mkdir -p "$dir/usr/share/postgresql" "$dir/var/lib/postgresql/data" "$dir/var/run/postgresql" "$dir/usr/local/bin" "$dir/docker-entrypoint-initdb.d"
cp -rL "/usr/share/postgresql/$version" "$dir/usr/share/postgresql/"
cp -rL /usr/share/zoneinfo "$dir/usr/share/"
for file in initdb postgres pg_ctl pg_isready psql; do copy "$programs/$file"; done
for file in plpgsql dict_snowball btree_gin; do copy "$(dirname "$programs")/lib/$file.so"; done
cat >"$dir/usr/local/bin/docker-entrypoint.sh" <<'S'
#!/bin/sh
set -eu
data=/var/lib/postgresql/data
if [ "$(id -u)" = 0 ]; then
	chown postgres "$data" /var/run/postgresql
	chmod 700 "$data"
	exec su -p -s /bin/sh -c 'exec "$0" "$@"' -- postgres "$0" "$@"
fi
if [ ! -s "$data/PG_VERSION" ]; then
	printf '%s' "$POSTGRES_PASSWORD" >/tmp/password
	initdb --pgdata="$data" --username=postgres --pwfile=/tmp/password --auth-local=trust --auth-host=scram-sha-256 --no-locale --encoding=UTF8
	rm /tmp/password
	echo 'host all all all scram-sha-256' >>"$data/pg_hba.conf"
	pg_ctl --pgdata="$data" --options="-c listen_addresses=''" --wait start
	for script in /docker-entrypoint-initdb.d/*.sh; do sh "$script"; done
	pg_ctl --pgdata="$data" --mode=fast --wait stop
fi
exec "$@" --config-file="$data/postgresql.conf" --listen_addresses='*'
S
chmod +x "$dir/usr/local/bin/docker-entrypoint.sh"
sed "s|PROGRAMS|$programs|" <<'C' | image "$POSTGRES_IMAGE"
FROM localhost/alpine
COPY . /
ENV PATH=PROGRAMS:/usr/local/bin:/usr/bin:/bin PGDATA=/var/lib/postgresql/data
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["postgres"]
C
rm -rf "$bin"
