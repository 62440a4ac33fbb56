package nvrtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"time"
)

// identity is what the device shows in a TLS handshake.
type identity struct {
	config *tls.Config
	leaf   []byte // DER
}

// identity makes the certificate when it is first needed.
func (r *Recorder) identity() *identity {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tls == nil {
		r.tls = newIdentity(r.config)
	}
	return r.tls
}

func newIdentity(c Config) *identity {
	config := &tls.Config{}
	if c.TLS != nil {
		config = c.TLS.Clone()
	}
	if len(config.Certificates) == 0 {
		config.Certificates = []tls.Certificate{selfMade(c.Name)}
	}
	config.NextProtos = []string{"http/1.1"}
	return &identity{config: config, leaf: config.Certificates[0].Certificate[0]}
}

// selfMade is a certificate like those that recorders ship with, valid from
// before the beginning of virtual time.
func selfMade(name string) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic("nvrtest: make a key: " + err.Error())
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(int64(fingerprint(name)) + 1),
		Subject:               pkix.Name{CommonName: name, Organization: []string{"Simulated recorder"}},
		NotBefore:             time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:              time.Date(2049, 1, 1, 0, 0, 0, 0, time.UTC),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
		DNSNames:              []string{"recorder.test", "localhost"},
		IPAddresses:           []net.IP{net.IPv4(192, 0, 2, 64), net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic("nvrtest: make a certificate: " + err.Error())
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// Fingerprint is the SHA-256 of the certificate, as clients pin it.
func (r *Recorder) Fingerprint() [sha256.Size]byte { return sha256.Sum256(r.identity().leaf) }

// Certificate is the device's certificate, for 192.0.2.64, 127.0.0.1,
// recorder.test and localhost; a client that has it as a root verifies it.
func (r *Recorder) Certificate() *x509.Certificate {
	cert, err := x509.ParseCertificate(r.identity().leaf)
	if err != nil {
		panic("nvrtest: parse the certificate: " + err.Error())
	}
	return cert
}
