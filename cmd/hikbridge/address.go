package main

import (
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// urlKind is what URLs of a variable are like.
type urlKind struct {
	example string            // a right one
	schemes []string          // that are taken, in the order of the message
	ports   map[string]string // the usual one by scheme
	paths   []string          // the schemes that may have a path
	others  map[string]string // schemes of other programs → ours
}

func recorderURLs() urlKind {
	return urlKind{
		example: "http://192.0.2.10",
		schemes: []string{"http", "https"},
		ports:   map[string]string{"http": "80", "https": "443"},
	}
}

func brokerURLs() urlKind {
	return urlKind{
		example: "mqtt://192.0.2.5",
		schemes: []string{"mqtt", "mqtts", "ws", "wss"},
		ports:   map[string]string{"mqtt": "1883", "mqtts": "8883", "ws": "80", "wss": "443"},
		paths:   []string{"ws", "wss"},
		others:  map[string]string{"tcp": "mqtt", "ssl": "mqtts", "tls": "mqtts"},
	}
}

// address is a URL that is right.
type address struct {
	url.URL
	port string // also if the URL has none
}

// hostPort is the same for all ways to write one address.
func (a *address) hostPort() string {
	host := strings.TrimSuffix(strings.ToLower(a.Hostname()), ".")
	if ip, err := netip.ParseAddr(host); err == nil {
		host = ip.Unmap().String()
	}
	return net.JoinHostPort(host, a.port)
}

// address judges the variable URL behind a prefix; nil means that it is wrong.
func (r *reader) address(prefix, raw string, kind urlKind) *address {
	if raw == "" {
		r.wrong(prefix+"URL", "is missing; it looks like %s", kind.example)
		return nil
	}
	a, text := kind.parse(raw)
	if a == nil {
		r.wrong(prefix+"URL", "%s", strings.ReplaceAll(text, "PREFIX_", prefix))
	}
	return a
}

// parse gives the address, or what is wrong and what to do: PREFIX_ in it stands
// for what the variables begin with.
func (k urlKind) parse(raw string) (*address, string) {
	// Looked for before anything else is judged, and in all of it: a password
	// may hold any character, and then a URL has its parts at other places.
	if strings.Contains(raw, "@") {
		return nil, "must not hold a user or password: move them to PREFIX_USERNAME and PREFIX_PASSWORD"
	}
	if !strings.Contains(raw, "://") {
		return nil, k.withoutScheme(raw)
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, "isn't a URL; it must look like " + k.example
	}
	if !slices.Contains(k.schemes, u.Scheme) {
		return nil, k.wrongScheme(u.Scheme)
	}
	if text := k.judgeHost(u); text != "" {
		return nil, text
	}
	if text := k.judgePath(u, raw); text != "" {
		return nil, text
	}
	a := &address{URL: *u, port: u.Port()}
	if a.port == "" {
		a.port = k.ports[u.Scheme]
	}
	return a, ""
}

// withoutScheme repeats nothing but an IP address, which is no secret.
func (k urlKind) withoutScheme(raw string) string {
	scheme, _, _ := strings.Cut(k.example, "://")
	if ip, err := netip.ParseAddr(raw); err == nil && ip.Zone() == "" {
		raw = ip.String()
		if ip.Is6() {
			raw = "[" + raw + "]"
		}
		return "has no scheme; write " + scheme + "://" + raw
	}
	if both, err := netip.ParseAddrPort(raw); err == nil && both.Addr().Zone() == "" {
		return "has no scheme; write " + scheme + "://" + both.String()
	}
	return "has no scheme; it must look like " + k.example
}

func (k urlKind) wrongScheme(scheme string) string {
	if ours, ok := k.others[scheme]; ok {
		return "begins with " + scheme + "://; write " + ours + ":// instead"
	}
	all := strings.Join(k.schemes, "://, ") + "://"
	if i := strings.LastIndex(all, ", "); i >= 0 {
		all = all[:i] + " or " + all[i+2:]
	}
	return "must begin with " + all
}

func (k urlKind) judgePath(u *url.URL, raw string) string {
	if slices.Contains(k.paths, u.Scheme) {
		if strings.Contains(raw, "#") {
			return "must not hold a #"
		}
		return ""
	}
	if u.Path == "/" {
		u.Path = ""
	}
	if u.Path != "" || strings.ContainsAny(raw, "?#") {
		return "must end after host and port; remove what follows, it must look like " + k.example
	}
	return ""
}

func (k urlKind) judgeHost(u *url.URL) string {
	host := u.Hostname()
	switch {
	case host == "":
		return "has no host; it must look like " + k.example
	case matches(`[0-9.]+`, host) && !isIP(host):
		return "has a host that isn't an IP address; it must look like " + k.example
	case !isIP(host) && !matches(`[A-Za-z0-9._-]{1,253}`, host):
		return "has a host that is neither a name of a-z, 0-9, . and - nor an IP address; it must look like " + k.example
	}
	if u.Port() == "" && !strings.HasSuffix(u.Host, ":") {
		return ""
	}
	if n, err := strconv.ParseUint(u.Port(), 10, 16); err != nil || n == 0 {
		return "has a wrong port: it must be between 1 and 65535, or be left away with its colon"
	}
	return ""
}

func isIP(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}
