package app

// complete returns an environment in which every role starts.
func complete(more ...string) []string {
	return append([]string{
		"DATABASE_URL=postgres://lazi:db-password@127.0.0.1:5432/lazi",
		"SERVICETITAN_TENANT_ID=1039746210",
		"SERVICETITAN_CLIENT_ID=cid.x",
		"SERVICETITAN_CLIENT_SECRET=client-secret-value",
		"SERVICETITAN_APP_KEY=app-key-value",
	}, more...)
}
