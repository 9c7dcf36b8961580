package fault

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
)

// dockerVariable makes the test binary the docker command of a drill: it sends its arguments to
// the test, which stops and starts the rig's processes instead of containers.
const dockerVariable = "LAZISYNC_FAULT_DOCKER"

func callDocker(addr string, args []string) (code int) {
	encoded, err := json.Marshal(args)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	response, err := http.Post("http://"+addr, "application/json", bytes.NewReader(encoded))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	defer response.Body.Close()
	_, _ = io.Copy(os.Stdout, response.Body)
	if response.StatusCode != http.StatusOK {
		return 1
	}
	return 0
}
