package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// write makes a file and gives its path.
func write(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPasswordsAreTakenAsTheyAre(t *testing.T) {
	for _, tt := range []struct{ name, written, want string }{
		{"plain", secretText, secretText},
		{"blanks belong to it", "  " + secretText + "\t", "  " + secretText + "\t"},
		{"quotes belong to it", `"` + secretText + `'`, `"` + secretText + `'`},
		{"signs of shells and URLs belong to it", "$HOME${X}%41#@:/\\", "$HOME${X}%41#@:/\\"},
		{"blanks alone are one", "  ", "  "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := judge(t, environ("HIKBRIDGE_NVR_PASSWORD="+tt.written))
			if got := s.Recorders[0].Password.Reveal(); got != tt.want {
				t.Errorf("the variable gives %q", got)
			}
			for _, end := range []string{"", "\n", "\r\n"} {
				s := judge(t, environ("HIKBRIDGE_NVR_PASSWORD=", "HIKBRIDGE_NVR_PASSWORD_FILE="+write(t, tt.written+end)))
				if got := s.Recorders[0].Password.Reveal(); got != tt.want {
					t.Errorf("the file with %q at its end gives %q", end, got)
				}
			}
		})
	}
}

func TestThePasswordOfTheBrokerHasAFileToo(t *testing.T) {
	s := judge(t, environ("HIKBRIDGE_MQTT_USERNAME=u", "HIKBRIDGE_MQTT_PASSWORD_FILE="+write(t, secretText+"\n")))
	if s.Broker.Password != secretText || s.Broker.Username != "u" {
		t.Errorf("got %+v, %q", s.Broker, s.Broker.Password.Reveal())
	}
}

func TestPasswordsThatCantBeRightAreRefused(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	large, full := write(t, strings.Repeat("x", maxFile+1)), write(t, strings.Repeat("x", maxFile))
	empty, dir := write(t, ""), t.TempDir()
	const variable, file = "HIKBRIDGE_NVR_PASSWORD: ", "HIKBRIDGE_NVR_PASSWORD_FILE: "
	for _, tt := range []struct{ name, password, path, want string }{
		{"neither is set", "", "", variable + "is missing; set it or HIKBRIDGE_NVR_PASSWORD_FILE"},
		{"both are set", secretText, full, variable + "and HIKBRIDGE_NVR_PASSWORD_FILE are both set; keep one"},
		{"a line break in the variable", secretText + "\n", "", variable + "holds more than one line"},
		{"two lines in the file", "", write(t, secretText+"\nx\n"), file + "holds more than one line"},
		{"two line breaks at the end of the file", "", write(t, secretText+"\n\n"), file + "holds more than one line"},
		{"the file doesn't exist", "", missing, file + missing + " doesn't exist"},
		{"the file is empty", "", empty, file + empty + " is empty"},
		{"the file holds a line break alone", "", write(t, "\n"), file + "names a file that holds nothing but a line break"},
		{"the file is too large", "", large, file + large + " is larger than 64 KiB"},
		{"64 KiB aren't too large", "", full, ""},
		{"the file is a directory", "", dir, file + dir + " isn't a file but a directory or a device"},
		{"the password is where the path should be", "", secretText, file + "doesn't exist; write the file's path in full"},
		{"the path is too long for the system", "", "/" + strings.Repeat("x", 5000), file + "/" + strings.Repeat("x", 5000) + " can't be read: file name too long"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var want []string
			if tt.want != "" {
				want = []string{tt.want}
			}
			judge(t, environ("HIKBRIDGE_NVR_PASSWORD="+tt.password, "HIKBRIDGE_NVR_PASSWORD_FILE="+tt.path), want...)
		})
	}
}

func TestAFileWithoutPermissionIsNamedWithTheReason(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	path := write(t, secretText)
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	judge(t, environ("HIKBRIDGE_NVR_PASSWORD=", "HIKBRIDGE_NVR_PASSWORD_FILE="+path),
		"HIKBRIDGE_NVR_PASSWORD_FILE: "+path+" can't be read by the user that runs hikbridge")
}

// certificate makes one with its key, as PEM.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	encode := func(kind string, b []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}))
	}
	return encode("CERTIFICATE", der), encode("PRIVATE KEY", keyDER)
}

func TestCertificatesForTheBroker(t *testing.T) {
	certPEM, keyPEM := certificate(t)
	_, otherPEM := certificate(t)
	cert, key, other, text := write(t, certPEM), write(t, keyPEM), write(t, otherPEM), write(t, "hello")
	missing := filepath.Join(t.TempDir(), "missing")
	const p = "HIKBRIDGE_MQTT_"
	for _, tt := range []struct {
		name string
		set  []string
		want []string
	}{
		{"an authority alone", []string{"CA_FILE=" + cert}, nil},
		{"all of them", []string{"CA_FILE=" + cert, "CERT_FILE=" + cert, "KEY_FILE=" + key}, nil},
		{"with wss", []string{"URL=wss://192.0.2.5", "CERT_FILE=" + cert, "KEY_FILE=" + key}, nil},
		{"a certificate without key", []string{"CERT_FILE=" + cert}, []string{"KEY_FILE: is missing; a certificate needs its key"}},
		{"a key without certificate", []string{"KEY_FILE=" + key}, []string{"CERT_FILE: is missing; a key needs its certificate"}},
		{"a key of another certificate", []string{"CERT_FILE=" + cert, "KEY_FILE=" + other}, []string{"CERT_FILE: " + cert + " and " + other + " aren't"}},
		{"both the wrong way round", []string{"CERT_FILE=" + key, "KEY_FILE=" + cert}, []string{"CERT_FILE: " + key + " and " + cert + " aren't"}},
		{"an authority that isn't one", []string{"CA_FILE=" + text}, []string{"CA_FILE: " + text + " holds no certificate in PEM form"}},
		{"files that don't exist", []string{"CA_FILE=" + missing, "CERT_FILE=" + missing, "KEY_FILE=" + missing},
			[]string{"CA_FILE: " + missing + " doesn't exist", "CERT_FILE: " + missing + " doesn't exist", "KEY_FILE: " + missing + " doesn't exist"}},
		{"without TLS they would never be used", []string{"URL=mqtt://192.0.2.5", "CA_FILE=" + cert},
			[]string{"URL: begins with mqtt://, which is without TLS, and contradicts HIKBRIDGE_MQTT_CA_FILE"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			list := []string{p + "URL=mqtts://192.0.2.5"}
			for _, entry := range tt.set {
				list = append(list, p+entry)
			}
			var want []string
			for _, text := range tt.want {
				want = append(want, p+text)
			}
			judge(t, environ(list...), want...)
		})
	}
}
