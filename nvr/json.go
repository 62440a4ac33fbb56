package nvr

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// getJSON asks for a document in JSON. What is refused may be told in JSON or in
// XML (DS-7732NI-I4(B) answers XML to ?format=json).
func (c *Client) getJSON(ctx context.Context, path string) (any, error) {
	if err := c.remembered(path); err != nil {
		return nil, err
	}
	q := request{method: http.MethodGet, path: path}
	v, err := c.json(ctx, q)
	return v, c.took(q, err)
}

func (c *Client) json(ctx context.Context, q request) (any, error) {
	body, err := c.jsonBody(ctx, q, maxDocument)
	if err != nil {
		return nil, err
	}
	return parseJSON(body)
}

// jsonBody gives the bytes of an answer of at most so many that is no refusal.
func (c *Client) jsonBody(ctx context.Context, q request, limit int64) ([]byte, error) {
	body, err := c.call(ctx, q, limit)
	if err != nil {
		return nil, err
	}
	if s, ok := jsonStatus(body); ok && s.Code != 0 && s.Code != 1 {
		return nil, &StatusError{Method: q.method, Path: q.path, HTTP: http.StatusOK, Code: s.Code, Sub: s.Sub}
	}
	return body, check(q.method, q.path, http.StatusOK, body, []string{"JSON"})
}

func parseJSON(body []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDocument, err)
	}
	return v, nil
}

// jsonResult is a ResponseStatus in JSON.
type jsonResult struct {
	Code int
	Sub  string
}

// jsonStatus reads a ResponseStatus, with or without an object around it.
func jsonStatus(body []byte) (jsonResult, bool) {
	if body = bytes.TrimSpace(body); len(body) == 0 || body[0] != '{' {
		return jsonResult{}, false
	}
	v, err := parseJSON(body)
	if err != nil {
		return jsonResult{}, false
	}
	if inner, ok := member(v, "ResponseStatus"); ok {
		v = inner
	}
	code, coded := member(v, "statusCode")
	sub, _ := member(v, "subStatusCode")
	n := number(jsonText(code))
	return jsonResult{Code: int(n.Value), Sub: jsonText(sub)}, coded && n.Known
}

// member finds a member of a JSON object, whatever the case of its name.
func member(v any, name string) (any, bool) {
	object, ok := v.(map[string]any)
	if !ok {
		return nil, false
	}
	if m, ok := object[name]; ok {
		return m, true
	}
	for key, m := range object {
		if strings.EqualFold(key, name) {
			return m, true
		}
	}
	return nil, false
}

// jsonText gives what a device wrote as a text, a number or a truth value.
func jsonText(v any) string {
	switch v := v.(type) {
	case string:
		return text(v)
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

// maxNesting is how deep a list is looked for in a JSON document.
const maxNesting = 4

// list finds the objects under a name, wherever they stand: a list, or the only
// one of it.
func list(v any, name string, nesting int) []any {
	if found, ok := member(v, name); ok {
		if items, ok := found.([]any); ok {
			return items
		}
		if inner := list(found, name, nesting-1); inner != nil {
			return inner
		}
		return []any{found}
	}
	object, _ := v.(map[string]any)
	if nesting <= 0 {
		return nil
	}
	for _, m := range object {
		if found := list(m, name, nesting-1); found != nil {
			return found
		}
	}
	return nil
}
