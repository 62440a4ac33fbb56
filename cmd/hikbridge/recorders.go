package main

import (
	"encoding/hex"
	"regexp"
	"slices"
	"strings"

	"hikbridge/bridge"
)

const (
	tlsVerify   = "verify"
	tlsPin      = "pin"
	tlsInsecure = "insecure"
	tlsLegacy   = "legacy"

	mostMonths = 120
)

// recorders reads the recorders of either form: one without a name, or several.
func (r *reader) recorders() []bridge.RecorderConfig {
	r.form(describe[listVariables](namespace))
	if r.names.empty() {
		c, _ := r.recorder(bridge.DefaultName, recorderPrefix)
		return []bridge.RecorderConfig{c}
	}
	r.contradictions()
	r.judgeNames()
	var list []bridge.RecorderConfig
	seen := map[string]string{} // host and port → the variable that named it first
	for _, name := range r.names.valid {
		prefix := prefixOf(name)
		c, address := r.recorder(name, prefix)
		if first, ok := seen[address]; ok && address != "" {
			r.wrong(prefix+"URL", "is the address of %s too; a recorder is configured once", first)
		} else {
			seen[address] = prefix + "URL"
		}
		r.shared(prefix, c.Power, list)
		list = append(list, c)
	}
	return list
}

// contradictions finds variables of the form with one recorder.
func (r *reader) contradictions() {
	var both []string
	for _, v := range describe[recorderVariables](recorderPrefix) {
		if r.env[v.Name] != "" {
			both = append(both, v.Name)
		}
	}
	if len(both) > 0 {
		r.wrong(namesVariable, "contradicts %s; for one recorder remove %s, for several write their names into the others, as in %sURL",
			strings.Join(both, ", "), namesVariable, prefixOf(r.names.example()))
	}
}

// recorder reads one recorder; address is its host and port, or empty.
func (r *reader) recorder(name, prefix string) (c bridge.RecorderConfig, address string) {
	r.form(describe[recorderVariables](prefix))
	v := fetch[recorderVariables](r.env, prefix)
	c = bridge.RecorderConfig{Name: name, Username: v.Username}
	a := r.address(prefix, v.URL, recorderURLs())
	if a != nil {
		c.URL, address = a.String(), a.hostPort()
	}
	if v.Username == "" {
		r.wrong(prefix+"USERNAME", "is missing: the user that hikbridge signs in with on the recorder")
	}
	var given bool
	if c.Password, given = r.secret(prefix, v.Password, v.PasswordFile); !given {
		r.wrong(prefix+"PASSWORD", "is missing; set it or %sPASSWORD_FILE", prefix)
	}
	c.Fingerprint = r.fingerprint(prefix, v.Fingerprint)
	c.TLS = r.tls(prefix, v, strings.HasPrefix(c.URL, "http://"))
	c.Channels = r.channels(prefix+"CHANNELS", v.Channels)
	c.MaintenanceMonths = r.whole(prefix+"MAINTENANCE_MONTHS", v.Maintenance, 0, mostMonths)
	c.Power = r.power(prefix, v, a)
	return c, address
}

// tls judges how far the certificate is trusted. What would make an owner feel
// safe and isn't is refused: a pin that is never looked at.
func (r *reader) tls(prefix string, v recorderVariables, plain bool) string {
	mode, pinned := strings.ToLower(v.TLS), v.Fingerprint != ""
	switch mode {
	case "":
		mode = tlsVerify
		if pinned {
			mode = tlsPin
		}
	case tlsPin:
		if !pinned {
			r.wrong(prefix+"TLS", "is pin, which needs %sTLS_FINGERPRINT; hikbridge check shows the fingerprint if you remove this first", prefix)
		}
	case tlsVerify, tlsInsecure:
		if pinned {
			r.wrong(prefix+"TLS", "contradicts %sTLS_FINGERPRINT; remove one of both", prefix)
		}
	case tlsLegacy:
	default:
		r.wrong(prefix+"TLS", "must be verify, pin, insecure or legacy")
	}
	if plain && mode == tlsPin {
		r.wrong(prefix+"URL", "begins with http://, so no certificate is ever looked at; write https://, or remove %sTLS and %sTLS_FINGERPRINT", prefix, prefix)
	}
	return mode
}

// fingerprint gives lower-case hexadecimal without colons.
func (r *reader) fingerprint(prefix, value string) string {
	if value == "" {
		return ""
	}
	digits := strings.ToLower(strings.ReplaceAll(value, ":", ""))
	_, err := hex.DecodeString(digits)
	switch {
	case err == nil && len(digits) == 64:
	case err == nil && len(digits) == 40:
		r.wrong(prefix+"TLS_FINGERPRINT", "has the length of a SHA-1; take the SHA-256, 64 hexadecimal digits")
	default:
		r.wrong(prefix+"TLS_FINGERPRINT", "must be the certificate's SHA-256: 64 hexadecimal digits, colons allowed")
	}
	return digits
}

func (r *reader) channels(variable, value string) []string {
	if value == "" {
		return nil
	}
	var list []string
	for part := range strings.SplitSeq(value, ",") {
		id := strings.TrimSpace(part)
		switch {
		case !isChannel(id):
			r.wrong(variable, "must be channels with commas between them, as in 1,2,5")
			return nil
		case slices.Contains(list, id):
			r.wrong(variable, "names a channel twice")
			return nil
		}
		list = append(list, id)
	}
	return list
}

// isChannel says whether a text can be a channel's id: 3, or a word.
func isChannel(id string) bool {
	return matches(`[A-Za-z0-9_-]{1,32}`, id) && !matches(`0[0-9]*`, id)
}

// matches says whether the whole text is of a pattern.
func matches(pattern, s string) bool {
	return regexp.MustCompile(`^(?:` + pattern + `)$`).MatchString(s)
}
