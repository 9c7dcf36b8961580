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

// readBody reads a JSON body of bounded size. A body without a content type is accepted as
// JSON, because its content is validated anyway.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if given := r.Header.Get("Content-Type"); given != "" && !isJSON(given) {
		return nil, wrongType(given, "application/json")
	}
	if coding := r.Header.Get("Content-Encoding"); coding != "" && coding != "identity" {
		return nil, wrongType("Content-Encoding: "+coding, "an uncompressed body")
	}
	limited := http.MaxBytesReader(w, r.Body, maxBody)
	if r.ContentLength > maxBody {
		return nil, bodyProblem(&http.MaxBytesError{Limit: maxBody})
	}
	body, err := io.ReadAll(limited)
	if err != nil {
		return nil, bodyProblem(err)
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

// fields splits a JSON object into its fields. Duplicate keys are rejected.
func fields(body []byte) (map[string]json.RawMessage, error) {
	found, err := events.Object(body)
	if rejection, ok := errors.AsType[*events.Rejection](err); ok {
		return nil, problem(http.StatusBadRequest, "not-json", "Not a JSON object", rejection.Reason)
	}
	return found, err
}
