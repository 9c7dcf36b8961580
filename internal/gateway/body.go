package gateway

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/lazi/lazisync/events"
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
	found, err := events.Object(body)
	var rejection *events.Rejection
	if errors.As(err, &rejection) {
		return nil, problem(http.StatusBadRequest, "not-json", "Not a JSON object", rejection.Reason)
	}
	return found, err
}
