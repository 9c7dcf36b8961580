package live

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/lazi/lazisync/internal/servicetitan"
)

// variables are required, with their description.
var variables = []struct{ name, want string }{
	{"SERVICETITAN_TENANT_ID", "the number of a tenant there"},
	{"SERVICETITAN_CLIENT_ID", "client id of the app in that tenant"},
	{"SERVICETITAN_CLIENT_SECRET", "client secret, or SERVICETITAN_CLIENT_SECRET_FILE"},
	{"SERVICETITAN_APP_KEY", "key of the app, or SERVICETITAN_APP_KEY_FILE"},
}

// Settings configure the API client.
type Settings struct {
	Tenant string
	Client servicetitan.Options
}

// defaultPerSecond is far below the limit, because other programs share the rate budget.
const defaultPerSecond = 10

// Load reads the settings from the environment. The error lists everything that is missing.
func Load(lookup func(string) string) (Settings, error) {
	var missing []string
	environment, address := lookup("SERVICETITAN_ENVIRONMENT"), lookup("SERVICETITAN_API_URL")
	if environment != string(servicetitan.Integration) && address == "" {
		got := ""
		if environment != "" {
			got = fmt.Sprintf(", got %q", environment)
		}
		missing = append(missing, "SERVICETITAN_ENVIRONMENT: want integration"+got+"; only SERVICETITAN_API_URL can select another environment")
	}
	values := map[string]string{}
	for _, v := range variables {
		value, err := read(v.name, lookup)
		switch {
		case err != nil:
			missing = append(missing, err.Error())
		case value == "":
			missing = append(missing, v.name+": not set, want "+v.want)
		}
		values[v.name] = value
	}
	perSecond := float64(defaultPerSecond)
	if text := lookup("SERVICETITAN_REQUESTS_PER_SECOND"); text != "" {
		var err error
		if perSecond, err = strconv.ParseFloat(text, 64); err != nil || perSecond <= 0 {
			missing = append(missing, fmt.Sprintf("SERVICETITAN_REQUESTS_PER_SECOND: got %q, want a number above 0", text))
		}
	}
	if len(missing) > 0 {
		return Settings{}, fmt.Errorf("to read ServiceTitan's integration environment, set:\n  %s", strings.Join(missing, "\n  "))
	}
	tenant := values["SERVICETITAN_TENANT_ID"]
	return Settings{Tenant: tenant, Client: servicetitan.Options{
		Environment: servicetitan.Integration, APIURL: address, AuthURL: lookup("SERVICETITAN_AUTH_URL"), RequestsPerSecond: perSecond,
		Tenants: map[string]servicetitan.Credentials{tenant: {
			ClientID:     values["SERVICETITAN_CLIENT_ID"],
			ClientSecret: servicetitan.Secret(values["SERVICETITAN_CLIENT_SECRET"]),
			AppKey:       servicetitan.Secret(values["SERVICETITAN_APP_KEY"]),
		}},
	}}, nil
}

// read returns the value of a variable, or the content of the file in its _FILE variable.
func read(name string, lookup func(string) string) (string, error) {
	file := lookup(name + "_FILE")
	if value := lookup(name); value != "" || file == "" {
		return value, nil
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("%s_FILE: %w", name, err)
	}
	return strings.TrimSpace(string(content)), nil
}
