package mqtt

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
)

// target is where the broker is and how it is spoken to.
type target struct {
	host      string // without port, for the certificate
	address   string // host:port
	path      string // of the WebSocket
	secure    bool
	websocket bool
}

// parseTarget reads a broker's URL. Its errors quote no part that may hold a secret.
func parseTarget(raw string) (target, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Opaque != "" {
		return target{}, errors.New("URL must look like mqtt://host:1883 (mqtt, mqtts, ws or wss)")
	}
	if u.User != nil {
		return target{}, errors.New("URL must not hold a user or password: set Username and Password")
	}
	t := target{host: u.Hostname()}
	port := ""
	switch u.Scheme {
	case "mqtt", "tcp":
		port = "1883"
	case "mqtts", "ssl", "tls":
		port, t.secure = "8883", true
	case "ws":
		port, t.websocket = "80", true
	case "wss":
		port, t.websocket, t.secure = "443", true, true
	default:
		return target{}, errors.New("URL must begin with mqtt://, mqtts://, ws:// or wss://")
	}
	if err := t.setPath(u); err != nil {
		return target{}, err
	}
	if u.Port() != "" {
		port = u.Port()
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || t.host == "" {
		return target{}, errors.New("URL must have a host, and a port between 1 and 65535 if any")
	}
	t.address = net.JoinHostPort(t.host, port)
	return t, nil
}

func (t *target) setPath(u *url.URL) error {
	if t.websocket {
		if u.Fragment != "" {
			return errors.New("URL must not have a fragment")
		}
		t.path = u.RequestURI()
		return nil
	}
	if (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("URL must end with the port: a path is for ws and wss")
	}
	return nil
}

// dial opens the connection, up to and with the WebSocket's handshake.
func (t target) dial(ctx context.Context, cfg Config) (*link, error) {
	dial := cfg.Dial
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	raw, err := dial(ctx, "tcp", t.address)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", t.address, err)
	}
	conn, err := t.layers(ctx, cfg, raw)
	if err != nil {
		_ = raw.Close()
		return nil, fmt.Errorf("connect to %s: %w", t.address, err)
	}
	return newLink(conn, raw), nil
}

// layers puts TLS and WebSocket upon a connection.
func (t target) layers(ctx context.Context, cfg Config, conn net.Conn) (net.Conn, error) {
	if t.secure {
		secure := tls.Client(conn, t.tls(cfg.TLS))
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, fmt.Errorf("TLS: %w", err)
		}
		conn = secure
	}
	if !t.websocket {
		return conn, nil
	}
	ws, err := upgrade(ctx, conn, t.address, t.path)
	if err != nil {
		return nil, fmt.Errorf("WebSocket: %w", err)
	}
	return ws, nil
}

func (t target) tls(given *tls.Config) *tls.Config {
	cfg := &tls.Config{}
	if given != nil {
		cfg = given.Clone()
	}
	if cfg.ServerName == "" {
		cfg.ServerName = t.host
	}
	return cfg
}
