package pgserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

// Options are the options of Start. Only Dir is required.
type Options struct {
	// Dir keeps the cluster between starts. If root starts it and the account that runs PostgreSQL
	// cannot access Dir, the data is in a folder of the temporary directory, and Dir/location names
	// it.
	Dir string
	// Port is the port on 127.0.0.1; 0 selects a free one.
	Port int
	// BinDir is the folder with postgres and initdb. Default: see FindBinaries.
	BinDir string
	// Password is the password of the role lazisync. Default: a random one, stored in the folder.
	Password string
	// Unsafe disables fsync: faster, but a power loss damages the cluster and the last commits are
	// lost when PostgreSQL is killed. Only for tests.
	Unsafe bool
	// StopWithParent also stops the server when this process dies, even by SIGKILL.
	StopWithParent bool
	// RemoveAfter deletes the folder on Stop, and with StopWithParent when this process dies.
	RemoveAfter bool
	// Logf receives a few messages. It may be nil.
	Logf func(format string, args ...any)
}

// Server is a running PostgreSQL. Call Stop, or its process outlives this one.
type Server struct {
	home     home
	port     int
	password string
	options  Options

	lock   *flock.Flock
	cmd    *exec.Cmd
	guard  *guard
	exited chan struct{}

	stopOnce sync.Once
	stopErr  error
}

// startLimit is long, because a server replays its log after a crash.
const startLimit = 2 * time.Minute

// Start starts PostgreSQL and returns when it accepts connections. It uses an existing cluster in
// the folder, and first stops a server that a dead process left behind. ctx bounds only the start.
func Start(ctx context.Context, o Options) (*Server, error) {
	if o.Dir == "" {
		return nil, errors.New("PostgreSQL: Dir is empty, want a folder for its data")
	}
	if o.Logf == nil {
		o.Logf = func(string, ...any) {}
	}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()

	h, err := openHome(ctx, o.Dir)
	if err != nil {
		return nil, err
	}
	lock, err := h.acquire()
	if err != nil {
		return nil, err
	}
	s := &Server{home: h, options: o, lock: lock}
	if err := s.start(ctx); err != nil {
		_ = lock.Close() // nothing was written
		return nil, err
	}
	return s, nil
}

func (s *Server) start(ctx context.Context) error {
	orphan, err := stopOrphan(ctx, s.home.data())
	if err != nil {
		return err
	}
	if orphan > 0 {
		s.options.Logf("stopped the PostgreSQL that an earlier run left behind, pid %d", orphan)
	}
	bin, err := s.prepareCluster(ctx)
	if err != nil {
		return err
	}
	if err := s.launch(ctx, bin); err != nil {
		return err
	}
	if !s.options.StopWithParent {
		return nil
	}
	remove := ""
	if s.options.RemoveAfter {
		remove = s.home.dir
	}
	if s.guard, err = startGuard(s.cmd.Process.Pid, remove); err != nil {
		return errors.Join(err, s.stopServer())
	}
	return nil
}

// prepareCluster finds the programs and creates the cluster if there is none.
func (s *Server) prepareCluster(ctx context.Context) (Binaries, error) {
	major, err := clusterMajor(s.home.data())
	if err != nil {
		return Binaries{}, err
	}
	find := machine()
	if s.options.BinDir != "" {
		find.setBin, find.setBy = s.options.BinDir, "BinDir"
	}
	bin, err := find.find(major)
	if err != nil {
		return Binaries{}, err
	}
	if !s.home.who.canReach(ctx, bin.Dir) {
		return Binaries{}, fmt.Errorf("PostgreSQL runs as %s, who cannot reach its programs in %s", s.home.who.name, bin.Dir)
	}
	if s.password, err = s.home.loadPassword(s.options.Password, major > 0); err != nil {
		return Binaries{}, err
	}
	if major > 0 {
		return bin, nil
	}
	s.options.Logf("creating a PostgreSQL %d cluster in %s", bin.Major, s.home.dir)
	return bin, s.home.createCluster(ctx, bin, s.password, s.options.Unsafe)
}

// URL returns the connection string of a database; "" means the database that this package created.
// It contains the password: do not log it.
func (s *Server) URL(database string) string {
	if database == "" {
		database = Database
	}
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(Role, s.password),
		Host:     s.Addr(),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Addr returns host and port.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// Pid returns the server's process id.
func (s *Server) Pid() int { return s.cmd.Process.Pid }

// Dir returns the folder that is used; see Options.Dir.
func (s *Server) Dir() string { return s.home.dir }

// Done returns a channel that is closed when the server has ended for any reason.
func (s *Server) Done() <-chan struct{} { return s.exited }

// Stop shuts the server down and returns when its process has ended. Open connections are closed.
// Later calls return the result of the first one.
func (s *Server) Stop() error {
	s.stopOnce.Do(func() {
		s.stopErr = s.stopServer()
		if s.guard != nil {
			s.guard.dismiss()
		}
		if s.options.RemoveAfter {
			s.stopErr = errors.Join(s.stopErr, os.RemoveAll(s.home.dir))
		}
		s.stopErr = errors.Join(s.stopErr, s.lock.Close())
	})
	return s.stopErr
}

func (s *Server) stopServer() error {
	if s.hasExited() {
		return nil
	}
	return stopProcess(s.cmd.Process.Pid, s.hasExited)
}

func (s *Server) hasExited() bool {
	select {
	case <-s.exited:
		return true
	default:
		return false
	}
}
