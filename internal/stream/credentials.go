package stream

import (
	"errors"
	"strings"

	"github.com/nats-io/nkeys"
)

// CheckCreds returns an error that says what is missing in the content of a credentials
// file: the JWT of a user and its seed, between the lines that `nsc generate creds` writes.
// It never quotes the content.
func CheckCreds(content []byte) error {
	token, err := nkeys.ParseDecoratedJWT(content) // all of it where there are no such lines
	if err != nil || !strings.HasPrefix(token, "eyJ") || strings.Count(token, ".") != 2 {
		return errors.New("it holds no JWT")
	}
	pair, err := nkeys.ParseDecoratedUserNKey(content)
	if err != nil {
		return errors.New("it holds no seed of a user")
	}
	pair.Wipe()
	return nil
}
