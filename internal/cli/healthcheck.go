package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/lazi/lazisync/internal/config"
)

// Healthcheck asks a role in the same container whether it is ready. The image has no other
// program that could ask. It asks at ADMIN_ADDR or, without it, at the default address of
// the role, of which there is one for each role in defaults. It fails if another role
// answers. The name "" means serve, or any role if ADMIN_ADDR is set.
func Healthcheck(ctx context.Context, cfg *config.Config, defaults map[string]string, name string, out io.Writer) error {
	role := cmp.Or(name, "serve")
	if defaults[role] == "" {
		return UsageError(fmt.Errorf("role: got %q, want serve, bridge, worker, notifier or gateway", name))
	}
	anyRole := name == "" && cfg.HTTP.AdminAddr != ""
	addr := cmp.Or(cfg.HTTP.AdminAddr, defaults[role])
	address := "http://" + dialable(addr) + "/readyz"
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return fmt.Errorf("ADMIN_ADDR: %w", err)
	}
	response, err := noProxy.Do(request)
	if err != nil {
		return fmt.Errorf("no answer: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 4<<10))
	if err != nil {
		return fmt.Errorf("%s: %w", address, err)
	}
	var answer struct {
		Role string `json:"role"`
	}
	_ = json.Unmarshal(body, &answer) // the answer of another program has no role
	if answer.Role != role && !anyRole || answer.Role == "" {
		return fmt.Errorf("%s: got role %q, want %s: set ADMIN_ADDR, or name the role", address, answer.Role, role)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: got %s %s, want 200", address, response.Status, body)
	}
	fmt.Fprintf(out, "%s\n", body)
	return nil
}

// noProxy ignores HTTP_PROXY: the role runs in the same container.
var noProxy = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// dialable returns an address to connect to for an address to listen on.
func dialable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		return net.JoinHostPort("localhost", port)
	}
	return addr
}
