package gateway

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// isSigned reports whether there is exactly one signature and one of the keys made it for
// these bytes. A malformed signature is an invalid one.
func isSigned(keys []string, encoding string, signatures []string, body []byte) bool {
	if len(signatures) != 1 {
		return false
	}
	given, readable := readSignature(signatures[0], encoding)
	valid := false
	for _, key := range keys { // all of them, so that the duration reveals nothing
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write(body)
		if hmac.Equal(mac.Sum(nil), given) {
			valid = true
		}
	}
	return valid && readable
}

// The encodings of a signature.
const (
	EncodingHex    = "hex"
	EncodingBase64 = "base64"
)

// readSignature decodes hex or base64, or only the wanted encoding, with or without the
// prefix "sha256=". ServiceTitan does not document which it sends.
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
