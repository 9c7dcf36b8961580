package gateway

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// signed says whether exactly one signature was given and one of the keys made it
// over exactly these bytes. A signature that cannot be read is just a wrong one.
func signed(keys []string, encoding string, signatures []string, body []byte) bool {
	if len(signatures) != 1 {
		return false
	}
	given, readable := readSignature(signatures[0], encoding)
	valid := false
	for _, key := range keys { // all of them, so that the time says nothing
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write(body)
		if hmac.Equal(mac.Sum(nil), given) {
			valid = true
		}
	}
	return valid && readable
}

// How a signature may be written.
const (
	EncodingHex    = "hex"
	EncodingBase64 = "base64"
)

// readSignature takes hex or base64 or, unless one of them is wanted, either; with or
// without "sha256=" in front: ServiceTitan does not say in public which it sends.
func readSignature(s, wanted string) ([]byte, bool) {
	s = strings.TrimSpace(s)
	if prefix := "sha256="; len(s) > len(prefix) && strings.EqualFold(s[:len(prefix)], prefix) {
		s = s[len(prefix):]
	}
	if len(s) == hex.EncodedLen(sha256.Size) {
		digest, err := hex.DecodeString(s)
		return digest, err == nil && wanted != EncodingBase64
	}
	if wanted == EncodingHex {
		return nil, false
	}
	for _, encoding := range []*base64.Encoding{
		base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding,
	} {
		if digest, err := encoding.Strict().DecodeString(s); err == nil && len(digest) == sha256.Size {
			return digest, true
		}
	}
	return nil, false
}
