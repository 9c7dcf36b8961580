package pgserver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// launch starts the server and waits until it is ready. It retries two transient errors: another
// process takes the free port first, or the last processes of a killed server have not ended yet.
func (s *Server) launch(ctx context.Context, bin Binaries) error {
	for {
		err := s.launchOnce(ctx, bin)
		if err == nil {
			return nil
		}
		portLost := s.options.Port == 0 && strings.Contains(err.Error(), "Address already in use")
		stillEnding := strings.Contains(err.Error(), "pre-existing shared memory block")
		if !portLost && !stillEnding {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func (s *Server) launchOnce(ctx context.Context, bin Binaries) error {
	port := s.options.Port
	if port == 0 {
		var err error
		if port, err = freePort(); err != nil {
			return err
		}
	}
	// The log of the previous run is kept: it has the reason why that one ended.
	if err := os.Rename(s.home.log(), s.home.log()+".old"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	logFile, err := os.Create(s.home.log())
	if err != nil {
		return err
	}
	defer logFile.Close()
	// Not bound to ctx: the server runs until Stop.
	cmd := s.home.command(context.WithoutCancel(ctx), bin, "postgres", s.arguments(port)...)
	cmd.Stdout, cmd.Stderr = logFile, logFile
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait() // the reason is in the log
		close(exited)
		// The lock and the guard's pipe must stay open while the server runs, even if the caller keeps
		// only the URL.
		runtime.KeepAlive(s)
	}()
	s.cmd, s.exited, s.port = cmd, exited, port
	return s.awaitReady(ctx)
}

func (s *Server) awaitReady(ctx context.Context) error {
	pid := s.cmd.Process.Pid
	err := poll(ctx, startLimit, func() bool {
		if s.hasExited() {
			return true
		}
		p, err := readPostmaster(s.home.data())
		return err == nil && p.pid == pid && p.status == "ready"
	})
	if err == nil && !s.hasExited() {
		return nil
	}
	if err != nil {
		err = errors.Join(fmt.Errorf("PostgreSQL is not ready: %w", err), s.stopServer())
	} else {
		err = errors.New("PostgreSQL ended while starting")
	}
	log, readErr := os.ReadFile(s.home.log())
	return errors.Join(fmt.Errorf("%w: %s", err, lastLines(log)), readErr)
}

func (s *Server) arguments(port int) []string {
	settings := []string{
		"listen_addresses=127.0.0.1",
		"port=" + strconv.Itoa(port),
		"unix_socket_directories=",
		"max_connections=200",
		"timezone=UTC",
		"log_timezone=UTC",
		"logging_collector=off",
	}
	if s.options.Unsafe {
		settings = append(settings, "fsync=off", "synchronous_commit=off", "full_page_writes=off")
	}
	args := []string{"-D", s.home.data()}
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	return args
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
