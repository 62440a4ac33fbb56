package main

import (
	"crypto/tls"
	"crypto/x509"
	"strings"

	"hikbridge/bridge"
)

// broker reads where the broker is and how to sign in there.
func (r *reader) broker() bridge.BrokerConfig {
	const prefix = brokerPrefix
	r.form(describe[brokerVariables](prefix))
	v := fetch[brokerVariables](r.env, prefix)
	c := bridge.BrokerConfig{Username: v.Username, CAFile: v.CAFile, CertFile: v.CertFile, KeyFile: v.KeyFile}
	if a := r.address(prefix, v.URL, brokerURLs()); a != nil {
		c.URL = a.String()
		r.certificatesUsed(a.Scheme, v)
	}
	var given bool
	if c.Password, given = r.secret(prefix, v.Password, v.PasswordFile); given && v.Username == "" {
		r.wrong(prefix+"USERNAME", "is missing, and a password is set; set it, or remove the password")
	}
	r.authority(prefix+"CA_FILE", v.CAFile)
	r.keyPair(v)
	return c
}

// certificatesUsed refuses certificates where no TLS is: an owner would take the
// connection for a safe one.
func (r *reader) certificatesUsed(scheme string, v brokerVariables) {
	if scheme == "mqtts" || scheme == "wss" {
		return
	}
	var unused []string
	for _, f := range []struct{ name, value string }{{"CA_FILE", v.CAFile}, {"CERT_FILE", v.CertFile}, {"KEY_FILE", v.KeyFile}} {
		if f.value != "" {
			unused = append(unused, brokerPrefix+f.name)
		}
	}
	if len(unused) > 0 {
		r.wrong(brokerPrefix+"URL", "begins with %s://, which is without TLS, and contradicts %s; write mqtts:// or wss://, or remove them",
			scheme, strings.Join(unused, ", "))
	}
}

func (r *reader) authority(variable, path string) {
	pem, ok := r.file(variable, path)
	if ok && !x509.NewCertPool().AppendCertsFromPEM(pem) {
		r.wrong(variable, "%s holds no certificate in PEM form", path)
	}
}

// keyPair judges the bridge's own certificate and its key.
func (r *reader) keyPair(v brokerVariables) {
	const cert, key = brokerPrefix + "CERT_FILE", brokerPrefix + "KEY_FILE"
	switch {
	case v.CertFile != "" && v.KeyFile == "":
		r.wrong(key, "is missing; a certificate needs its key, or remove %s", cert)
	case v.CertFile == "" && v.KeyFile != "":
		r.wrong(cert, "is missing; a key needs its certificate, or remove %s", key)
	}
	certPEM, certRead := r.file(cert, v.CertFile)
	keyPEM, keyRead := r.file(key, v.KeyFile)
	if !certRead || !keyRead {
		return
	}
	// The library's reason isn't shown: it has seen a private key.
	if _, err := tls.X509KeyPair(certPEM, keyPEM); err != nil {
		r.wrong(cert, "%s and %s aren't a certificate and its key, without a password and in PEM form", v.CertFile, v.KeyFile)
	}
}
