package examples

import (
	"bytes"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/process"
)

// killable is an example that the tests kill.
type killable struct {
	*deployment
	command []string
	environ []string
	work    string // URL of the consumer's own database
}

// program is a running example.
type program struct {
	cmd   *exec.Cmd
	log   *process.Log
	ended chan error
}

// start starts the example in a process group, because a shell script starts other programs.
func (c *killable) start(t *testing.T, environ []string) *program {
	t.Helper()
	p := &program{cmd: exec.Command(c.command[0], c.command[1:]...), log: &process.Log{}, ended: make(chan error, 1)}
	p.cmd.Env = append(os.Environ(), environ...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	require.NoError(t, p.cmd.Start())
	go func() { p.ended <- p.cmd.Wait() }()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%s: %s", c.command[0], p.log)
		}
	})
	return p
}

func (p *program) kill() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	p.ended <- <-p.ended
}

// wait returns how the program ended.
func (p *program) wait(t *testing.T) error {
	t.Helper()
	select {
	case err := <-p.ended:
		p.ended <- err
		return err
	case <-time.After(patience):
		require.Fail(t, "the example does not end", "%s", p.log)
		return nil
	}
}

// killedAt kills the example when it sends a text to NATS, which does not receive it.
func (c *killable) killedAt(t *testing.T, text string) {
	t.Helper()
	at := strings.TrimPrefix(c.places.Replace("@nats:4222"), "@")
	proxy := &cuttingProxy{server: at, when: []byte(text), reached: make(chan struct{})}
	address := proxy.listen(t)
	environ := make([]string, len(c.environ))
	for i, entry := range c.environ {
		environ[i] = strings.Replace(entry, "@"+at, "@"+address, 1)
	}
	p := c.start(t, environ)
	select {
	case <-proxy.reached:
	case <-time.After(patience):
		require.Fail(t, "it does not send "+text)
	}
	p.kill()
}

// cuttingProxy forwards connections until a client sends a text.
type cuttingProxy struct {
	server  string
	when    []byte
	reached chan struct{}
	once    sync.Once
}

func (c *cuttingProxy) listen(t *testing.T) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go c.forward(client)
		}
	}()
	return l.Addr().String()
}

func (c *cuttingProxy) forward(client net.Conn) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", c.server)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	go func() { _, _ = io.Copy(client, server) }()
	buffer := make([]byte, 64<<10)
	for {
		n, err := client.Read(buffer)
		if err != nil {
			return
		}
		if bytes.Contains(buffer[:n], c.when) {
			c.once.Do(func() { close(c.reached) })
			return
		}
		if _, err := server.Write(buffer[:n]); err != nil {
			return
		}
	}
}
