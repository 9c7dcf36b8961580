package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"
)

// readBody takes in a JSON body of bounded size. A body without a content type is
// taken for JSON: what it holds is checked anyway.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if given := r.Header.Get("Content-Type"); given != "" && !isJSON(given) {
		return nil, wrongType(given, "application/json")
	}
	if coding := r.Header.Get("Content-Encoding"); coding != "" && coding != "identity" {
		return nil, wrongType("Content-Encoding: "+coding, "a body that is not compressed")
	}
	limited := http.MaxBytesReader(w, r.Body, maxBody)
	if r.ContentLength > maxBody {
		return nil, unreadable(&http.MaxBytesError{Limit: maxBody})
	}
	body, err := io.ReadAll(limited)
	if err != nil {
		return nil, unreadable(err)
	}
	return body, nil
}

func isJSON(contentType string) bool {
	media, parameters, err := mime.ParseMediaType(contentType)
	if err != nil || (media != "application/json" && !strings.HasSuffix(media, "+json")) {
		return false
	}
	charset := parameters["charset"]
	return charset == "" || strings.EqualFold(charset, "utf-8")
}

// fields splits a JSON object into its fields. A field given twice is refused: of
// two answers to one question neither can be trusted.
func fields(body []byte) (map[string]json.RawMessage, error) {
	if !utf8.Valid(body) {
		return nil, notObject("bytes that are not UTF-8")
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	found := map[string]json.RawMessage{}
	switch first, err := decoder.Token(); {
	case errors.Is(err, io.EOF):
		return nil, notObject("an empty body")
	case err != nil:
		return nil, noJSON(decoder)
	case first == json.Delim('['):
		return nil, notObject("a list")
	case first != json.Delim('{'):
		return nil, notObject(string(bytes.TrimSpace(body[:min(len(body), longestShown)])))
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, noJSON(decoder)
		}
		key, _ := name.(string) // in an object the decoder takes nothing else
		if _, twice := found[key]; twice {
			return nil, notJSON(fmt.Sprintf("%s: got the same field twice, want each field once", key))
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, noJSON(decoder)
		}
		found[key] = value
	}
	if _, err := decoder.Token(); err != nil {
		return nil, noJSON(decoder)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, notObject("something behind the first one")
	}
	return found, nil
}

// longestShown is how much of a body is shown in an error.
const longestShown = 40

func notObject(got string) *Problem { return notJSON("got " + got + ", want one JSON object") }

func noJSON(decoder *json.Decoder) *Problem {
	return notObject(fmt.Sprintf("something that is not JSON from byte %d on", decoder.InputOffset()+1))
}
