package pgserver

import "os/exec"

// RunAs makes cmd run as the account that PostgreSQL runs as here, in its own process group, and
// makes that account the owner of the paths. PgBouncer refuses to run as root, too.
func RunAs(cmd *exec.Cmd, paths ...string) error {
	who, err := chooseAccount(0)
	if err != nil {
		return err
	}
	for _, path := range paths {
		if err := who.own(path); err != nil {
			return err
		}
	}
	who.apply(cmd)
	return nil
}
