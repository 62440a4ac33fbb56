package nvr

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
)

// How far a recorder's certificate is trusted; only read for https.
const (
	TLSVerify   = "verify"   // by the system's authorities, as browsers do
	TLSPin      = "pin"      // the leaf whose SHA-256 is Config.Fingerprint
	TLSInsecure = "insecure" // any certificate
	TLSLegacy   = "legacy"   // any certificate, or the pinned one; TLS 1.0 and old ciphers allowed
)

// tlsConfig makes the configuration of a mode. Pinning is done in
// VerifyConnection: it works for expired and RSA-1024 certificates too.
func tlsConfig(mode, fingerprint string) (*tls.Config, error) {
	c := &tls.Config{}
	switch mode {
	case TLSVerify, "":
		return c, nil
	case TLSPin:
		if fingerprint == "" {
			return nil, errors.New("pinning needs the certificate's SHA-256 fingerprint")
		}
	case TLSInsecure:
		c.InsecureSkipVerify = true
		return c, nil
	case TLSLegacy:
		c.MinVersion = tls.VersionTLS10
		for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
			c.CipherSuites = append(c.CipherSuites, s.ID)
		}
	default:
		return nil, fmt.Errorf("TLS mode %q: use verify, pin, insecure or legacy", mode)
	}
	c.InsecureSkipVerify = true
	if fingerprint != "" {
		c.VerifyConnection = func(s tls.ConnectionState) error { return checkPin(s, fingerprint) }
	}
	return c, nil
}

func checkPin(s tls.ConnectionState, want string) error {
	got := fingerprint(s.PeerCertificates[0])
	if got == want {
		return nil
	}
	return &CertificateError{Fingerprint: got, Err: errors.New("it isn't the pinned one")}
}

func fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}

// withFingerprint adds to a verification failure what the owner needs to pin.
func withFingerprint(err error) error {
	var v *tls.CertificateVerificationError
	if errors.As(err, &v) && len(v.UnverifiedCertificates) > 0 {
		return &CertificateError{Fingerprint: fingerprint(v.UnverifiedCertificates[0]), Err: v.Err}
	}
	return err
}
