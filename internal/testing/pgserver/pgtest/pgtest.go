package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/internal/testing/pgserver"
)

// Prepare fills a database, for example by migrating it. It must close its connections.
type Prepare func(ctx context.Context, url string) error

// limit bounds the preparation of one test; starting a server takes a second or two.
const limit = 2 * time.Minute

// Database returns the URL of an empty database that is dropped when the test ends.
func Database(t testing.TB) string {
	t.Helper()
	server := requireServer(t)
	return server.newDatabase(t, "template1")
}

// Prepared returns the URL of a database as prepare leaves it. The database is dropped when the
// test ends. On the server of this process, prepare runs once for each name and the other databases
// are copies: about 0.1 s for a migrated database of 2,000 files in memory, 0.4 s on a disk.
func Prepared(t testing.TB, name string, prepare Prepare) string {
	t.Helper()
	server := requireServer(t)
	if !server.private {
		// A template would remain on an external server.
		target := server.newDatabase(t, "template1")
		run(t, func(ctx context.Context) error { return prepare(ctx, target) })
		return target
	}
	return server.newDatabase(t, server.template(t, name, prepare))
}

// instance is the server of this test process.
type instance struct {
	url     url.URL
	private bool // started by this process and stopped with it

	mu        sync.Mutex
	templates map[string]func() (string, error)
}

var theServer = sync.OnceValues(openServer)

func requireServer(t testing.TB) *instance {
	t.Helper()
	server, err := theServer()
	if err != nil {
		t.Fatalf("PostgreSQL for tests: %v", err)
	}
	return server
}

func openServer() (*instance, error) {
	if given := os.Getenv("TEST_DATABASE_URL"); given != "" {
		u, err := url.Parse(given)
		if err != nil || !strings.HasPrefix(u.Scheme, "postgres") {
			return nil, errors.New("TEST_DATABASE_URL is not a URL that begins with postgres://")
		}
		return &instance{url: *u}, nil
	}
	dir, err := os.MkdirTemp(memoryFolder(), "lazisync-pgtest-")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	s, err := pgserver.Start(ctx, pgserver.Options{Dir: dir, Unsafe: true, StopWithParent: true, RemoveAfter: true})
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(s.URL(""))
	if err != nil {
		return nil, err
	}
	return &instance{url: *u, private: true, templates: map[string]func() (string, error){}}, nil
}

// memoryFolder returns a folder in memory with room for the databases of a test process, or "".
func memoryFolder() string {
	const folder, want = "/dev/shm", 4 << 30
	var fs syscall.Statfs_t
	if syscall.Statfs(folder, &fs) != nil || uint64(fs.Bavail)*uint64(fs.Bsize) < want {
		return "" // the folder for temporary files
	}
	return folder
}

// template returns the name of the database that prepare filled. The first call fills it.
func (s *instance) template(t testing.TB, name string, prepare Prepare) string {
	t.Helper()
	s.mu.Lock()
	once, ok := s.templates[name]
	if !ok {
		once = sync.OnceValues(func() (string, error) {
			ctx, cancel := context.WithTimeout(context.Background(), limit)
			defer cancel()
			database := "template_" + strings.ToLower(rand.Text())
			if err := s.exec(ctx, "create database "+database); err != nil {
				return "", err
			}
			return database, prepare(ctx, s.urlOf(database))
		})
		s.templates[name] = once
	}
	s.mu.Unlock()

	database, err := once()
	if err != nil {
		t.Fatalf("prepare database %q: %v", name, err)
	}
	return database
}

func (s *instance) newDatabase(t testing.TB, template string) string {
	t.Helper()
	database := "test_" + strings.ToLower(rand.Text())
	run(t, func(ctx context.Context) error {
		return s.exec(ctx, "create database "+database+" template "+template+" strategy file_copy") // does not write each page to the WAL
	})
	t.Cleanup(func() {
		run(t, func(ctx context.Context) error {
			return s.exec(ctx, "drop database "+database+" with (force)")
		})
	})
	return s.urlOf(database)
}

func (s *instance) urlOf(database string) string {
	u := s.url
	u.Path = "/" + database
	return u.String()
}

// exec runs one statement on the server's own database.
func (s *instance) exec(ctx context.Context, sql string) error {
	conn, err := pgx.Connect(ctx, s.url.String())
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, sql); err != nil {
		return fmt.Errorf("%s: %w", sql, err)
	}
	return nil
}

func run(t testing.TB, step func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := step(ctx); err != nil {
		t.Fatalf("PostgreSQL for tests: %v", err)
	}
}
