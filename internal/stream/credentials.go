package stream

import (
	"errors"
	"strings"

	"github.com/nats-io/nkeys"
)

// CheckCreds returns an error if the content of a credentials file lacks the JWT of a user or
// its seed, in the form that `nsc generate creds` writes. The error never quotes the content.
func CheckCreds(content []byte) error {
	token, err := nkeys.ParseDecoratedJWT(content) // the whole content if it has no such lines
	if err != nil || !strings.HasPrefix(token, "eyJ") || strings.Count(token, ".") != 2 {
		return errors.New("it contains no JWT")
	}
	pair, err := nkeys.ParseDecoratedUserNKey(content)
	if err != nil {
		return errors.New("it contains no seed of a user")
	}
	pair.Wipe()
	return nil
}
