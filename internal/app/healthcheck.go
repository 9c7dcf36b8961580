package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// Healthcheck asks a role that runs beside it, in the same container, whether it is
// ready. It is what a container's health check calls: the image holds nothing else that
// could ask. It asks at ADMIN_ADDR, by default where the role listens; another role that
// answers there is an error. Without a name it asks serve, or the role that listens at ADMIN_ADDR.
func Healthcheck(ctx context.Context, cfg *Config, name string, out io.Writer) error {
	role, addr := ServeRole, cfg.HTTP.AdminAddr
	if name != "" {
		var found bool
		if role, found = FindRole(name); !found {
			return usage(fmt.Errorf("role: got %q, want serve, bridge, worker, notifier or gateway", name))
		}
	}
	anyRole := name == "" && addr != ""
	if addr == "" {
		addr = role.Admin
	}
	address := "http://" + dialable(addr) + "/readyz"
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return fmt.Errorf("ADMIN_ADDR: %w", err)
	}
	response, err := direct.Do(request)
	if err != nil {
		return fmt.Errorf("not alive: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 4<<10))
	if err != nil {
		return fmt.Errorf("%s: %w", address, err)
	}
	var answer struct {
		Role string `json:"role"`
	}
	_ = json.Unmarshal(body, &answer) // what is no answer of ours names no role
	if answer.Role != role.Name && !anyRole || answer.Role == "" {
		return fmt.Errorf("%s: role %q answers, want %s: set ADMIN_ADDR, or name the role", address, answer.Role, role.Name)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: got %s %s, want 200", address, response.Status, body)
	}
	fmt.Fprintf(out, "%s\n", body)
	return nil
}

// direct asks no proxy that HTTP_PROXY names: the role runs beside it.
var direct = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// dialable turns an address to listen on into one to connect to.
func dialable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		return net.JoinHostPort("localhost", port)
	}
	return addr
}
