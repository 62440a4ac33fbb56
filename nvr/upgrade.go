package nvr

import (
	"context"
	"net/http"
)

// Newest is the newest firmware that the device knows of.
type Newest struct {
	Version string
	// Changes are the maker's notes on it.
	Changes string
}

// Newest asks what the device found out about newer firmware
// (System/onlineUpgrade/version). It doesn't let the device look anew, and
// installs nothing. ErrUnsupported is the usual answer, also where capabilities
// promise it (DS-2CD2387G3 V5.8.10); an empty Version says that none is known.
func (c *Client) Newest(ctx context.Context) (Newest, error) {
	const path = "System/onlineUpgrade/version"
	if err := c.remembered(path); err != nil {
		return Newest{}, err
	}
	q := request{method: http.MethodGet, path: path}
	n, err := c.newest(ctx, q)
	return n, c.took(q, err)
}

// newest reads any document but a refusal: what its root is called isn't known.
func (c *Client) newest(ctx context.Context, q request) (Newest, error) {
	body, err := c.call(ctx, q, maxDocument)
	if err != nil {
		return Newest{}, err
	}
	if err := check(q.method, q.path, http.StatusOK, body, []string{"newVersion"}); err != nil {
		return Newest{}, err
	}
	if body, err = clean(body); err != nil {
		return Newest{}, err
	}
	var n Newest
	_, err = leaves(body, func(element, value []byte) {
		switch string(element) {
		case "newVersion":
			n.Version = name(string(value))
		case "changeLog":
			n.Changes = string(value)
		}
	})
	return n, err
}
