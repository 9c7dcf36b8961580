package pgserver

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// account is the user that PostgreSQL's processes run as. The zero value is the current user, the
// right one unless that is root.
type account struct {
	name     string
	uid, gid int
}

func (a account) isCurrentUser() bool { return a.name == "" }

// chooseAccount returns the account that runs PostgreSQL. For root that is "postgres", if it
// exists, or else the unprivileged account of the system. An existing cluster keeps the account
// that owns it, because PostgreSQL requires that.
func chooseAccount(clusterOwner int) (account, error) {
	if os.Geteuid() != 0 {
		return account{}, nil
	}
	if clusterOwner > 0 {
		return newAccount(user.LookupId(strconv.Itoa(clusterOwner)))
	}
	if a, err := newAccount(user.Lookup("postgres")); err == nil {
		return a, nil
	}
	a, err := newAccount(user.Lookup("nobody"))
	if err != nil {
		return account{}, fmt.Errorf("PostgreSQL refuses to run as root, and there is no account postgres or nobody to run it as: %w", err)
	}
	return a, nil
}

func newAccount(u *user.User, err error) (account, error) {
	if err != nil {
		return account{}, err
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return account{}, fmt.Errorf("user %s has id %q, want a number", u.Username, u.Uid)
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return account{}, fmt.Errorf("user %s has group id %q, want a number", u.Username, u.Gid)
	}
	return account{name: u.Username, uid: uid, gid: gid}, nil
}

// apply makes cmd run as the account, in its own process group: Ctrl-C in the terminal must reach
// only the program that then stops PostgreSQL.
func (a account) apply(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if !a.isCurrentUser() {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
	}
}

// own makes the account the owner of path.
func (a account) own(path string) error {
	if a.isCurrentUser() {
		return nil
	}
	return os.Chown(path, a.uid, a.gid)
}

// canReach reports whether the account can enter dir. It tries, instead of evaluating modes, groups
// and access lists of all parent folders.
func (a account) canReach(ctx context.Context, dir string) bool {
	if a.isCurrentUser() {
		return true
	}
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", `cd -- "$1"`, "sh", dir)
	cmd.Dir = "/"
	a.apply(cmd)
	return cmd.Run() == nil
}
