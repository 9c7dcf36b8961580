package bouncer

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lazi/lazisync/internal/testing/pgserver"
)

// Bouncer is a PgBouncer that ends with its test.
type Bouncer struct {
	dir      string
	port     int
	upstream *url.URL

	mu    sync.Mutex
	pid   int
	alive io.Closer // closing it ends PgBouncer
	done  chan struct{}
}

// Start runs PgBouncer in front of the server of a database URL until the test ends.
// settings are lines of the section [pgbouncer], such as "pool_mode = transaction".
func Start(t testing.TB, databaseURL string, settings ...string) *Bouncer {
	t.Helper()
	b, err := start(databaseURL, settings)
	if err != nil {
		t.Fatalf("PgBouncer for tests: %v", err)
	}
	t.Cleanup(func() {
		b.Signal(syscall.SIGCONT)
		b.Stop()
		_ = os.RemoveAll(b.dir)
	})
	return b
}

func start(databaseURL string, settings []string) (*Bouncer, error) {
	upstream, err := url.Parse(databaseURL)
	if err != nil {
		return nil, errors.New("the database URL cannot be parsed")
	}
	dir, err := os.MkdirTemp("", "lazisync-pgbouncer-")
	if err != nil {
		return nil, err
	}
	b := &Bouncer{dir: dir, upstream: upstream}
	if b.port, err = freePort(); err != nil {
		return nil, err
	}
	if err := os.WriteFile(b.config(), []byte(b.configuration(settings)), 0o600); err != nil {
		return nil, err
	}
	return b, b.Restart()
}

func (b *Bouncer) config() string { return filepath.Join(b.dir, "pgbouncer.ini") }

// configuration makes every client log in to the server as the user of the upstream URL.
func (b *Bouncer) configuration(settings []string) string {
	password, _ := b.upstream.User.Password()
	return fmt.Sprintf(`[databases]
* = host=%s port=%s user=%s password='%s'
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = any
%s
`, b.upstream.Hostname(), b.upstream.Port(), b.upstream.User.Username(), strings.ReplaceAll(password, "'", "''"), b.port, strings.Join(settings, "\n"))
}

// script runs PgBouncer until its standard input is closed, as when the test process dies.
const script = `pgbouncer "$1" >>"$2" 2>&1 & pid=$!; echo "$pid"; read -r _; kill -CONT "$pid"; kill -TERM "$pid"; wait "$pid"`

// Restart stops PgBouncer, if it runs, and starts it on the same port.
func (b *Bouncer) Restart() error {
	b.Stop()
	b.mu.Lock()
	defer b.mu.Unlock()
	cmd := exec.Command("/bin/sh", "-c", script, "sh", b.config(), filepath.Join(b.dir, "log"))
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin")
	if err := pgserver.RunAs(cmd, b.dir, b.config()); err != nil {
		return err
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		return fmt.Errorf("start it: %w", err)
	}
	if b.pid, err = strconv.Atoi(strings.TrimSpace(line)); err != nil {
		return err
	}
	b.alive, b.done = stdin, make(chan struct{})
	go func(done chan struct{}) {
		_ = cmd.Wait() // it is killed
		close(done)
	}(b.done)
	return b.await()
}

// await waits until PgBouncer listens.
func (b *Bouncer) await() error {
	for until := time.Now().Add(time.Minute); ; {
		conn, err := net.Dial("tcp", b.address())
		if err == nil {
			return conn.Close()
		}
		if time.Now().After(until) {
			log, _ := os.ReadFile(filepath.Join(b.dir, "log"))
			return fmt.Errorf("%w: %s", err, log)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Stop ends PgBouncer and every connection through it.
func (b *Bouncer) Stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.alive == nil {
		return
	}
	_ = b.alive.Close()
	<-b.done
	b.alive = nil
}

// Signal sends a signal to PgBouncer: SIGSTOP freezes it, SIGCONT thaws it.
func (b *Bouncer) Signal(s syscall.Signal) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.alive != nil {
		_ = syscall.Kill(b.pid, s)
	}
}

func (b *Bouncer) address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(b.port)) }

// URL returns the URL of the upstream's database through PgBouncer.
func (b *Bouncer) URL() string {
	u := *b.upstream
	u.Host = b.address()
	return u.String()
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}
