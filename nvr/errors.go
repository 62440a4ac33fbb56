package nvr

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// What a caller branches on. The detail is in *StatusError and *SignInError.
var (
	// ErrUnauthorized: the recorder rejected user name or password.
	ErrUnauthorized = errors.New("user name or password rejected")
	// ErrLocked: the recorder has locked the account or this address.
	ErrLocked = errors.New("account locked by the recorder")
	// ErrPaused: the login budget is spent; no credential was sent.
	ErrPaused = errors.New("sign-in paused")
	// ErrUnsupported: this firmware doesn't know the request.
	ErrUnsupported = errors.New("not supported by this firmware")
	// ErrForbidden: the account lacks a right.
	ErrForbidden = errors.New("the account lacks the right")
	// ErrBusy: the device is busy or a limit is reached; later it may work.
	ErrBusy = errors.New("device busy")
	// ErrNotHikvision: what answers doesn't speak ISAPI.
	ErrNotHikvision = errors.New("no ISAPI device")
	// ErrNoDigest: the device offers no digest sign-in that the client knows.
	ErrNoDigest = errors.New("no digest sign-in offered")
	// ErrSlow: the challenge took so long that no credential was risked.
	ErrSlow = errors.New("too slow for a sign-in")
	// ErrState: the login budget can't be read or written; no credential was sent.
	ErrState = errors.New("login budget can't be kept")
	// ErrDocument: the answer isn't the document that was asked for.
	ErrDocument = errors.New("unexpected document")
)

// StatusError is a refusal that came as an answer, whatever its HTTP status: a
// ResponseStatus other than OK can come under HTTP 200.
type StatusError struct {
	Method, Path string
	HTTP         int
	// Code is the ISAPI statusCode, 0 when the answer had none.
	Code int
	// Sub is the ISAPI subStatusCode as it came, for example "notSupport".
	Sub string
	// remembered: nothing was asked, the answer is from an earlier request.
	remembered bool
}

// Remembered says that nothing was asked: the answer is an earlier one.
func (e *StatusError) Remembered() bool { return e.remembered }

func (e *StatusError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: HTTP %d", e.Method, e.Path, e.HTTP)
	if e.Sub != "" {
		fmt.Fprintf(&b, " %s", e.Sub)
	}
	if err := e.Unwrap(); err != nil {
		fmt.Fprintf(&b, " (%v)", err)
	}
	if e.remembered {
		b.WriteString(", as it answered before")
	}
	return b.String()
}

// Unwrap gives ErrUnsupported, ErrForbidden or ErrBusy, or nil where the answer
// says none of them (500 of a booting recorder, for example).
func (e *StatusError) Unwrap() error {
	if err := sentinelOfSub(e.Sub); err != nil {
		return err
	}
	switch {
	case e.Code == 2 || e.HTTP == http.StatusServiceUnavailable:
		return ErrBusy
	case e.HTTP == http.StatusNotFound, e.HTTP == http.StatusMethodNotAllowed,
		e.HTTP == http.StatusNotImplemented, e.HTTP == http.StatusBadRequest:
		return ErrUnsupported
	case e.HTTP == http.StatusForbidden && e.Sub == "":
		return ErrUnsupported // the usual answer of recorders to unknown paths
	case e.HTTP == http.StatusForbidden:
		return ErrForbidden
	}
	return nil
}

// sentinelOfSub reads the sub-status codes that decide by themselves (Hikvision
// ISAPI error code list; compared without case since firmwares differ in it).
func sentinelOfSub(sub string) error {
	switch strings.ToLower(sub) {
	case "notsupport", "invalidoperation", "methodnotallowed":
		return ErrUnsupported
	case "lowprivilege", "nopermission":
		return ErrForbidden
	case "devicebusy", "upgrading", "configoperating", "formatting", "exporting", "taskbusy",
		"serviceunavailable", "deployexceedmax", "reconnectipc", "hdformatting", "databackuping",
		"beingexportedbyanotheruser", "ssdfilesystemisupgrading", "ssdfilesystemisformat":
		return ErrBusy
	}
	return nil
}

// SignInError says why no answer was had in the account's name. Unwrap gives
// ErrUnauthorized, ErrLocked or ErrPaused.
type SignInError struct {
	Err error
	// Until is when the next try is allowed; zero when that isn't known.
	Until time.Time
	// TriesLeft is what the recorder said, -1 when it didn't.
	TriesLeft int
	// told: the recorder just said so, it isn't what the login budget holds.
	told bool
}

func (e *SignInError) Error() string {
	s := e.Err.Error()
	if e.TriesLeft >= 0 {
		s += fmt.Sprintf(", the recorder says %d tries left", e.TriesLeft)
	}
	if !e.Until.IsZero() {
		s += "; next try at " + e.Until.Local().Format("15:04:05")
	}
	return s
}

func (e *SignInError) Unwrap() error { return e.Err }

// CertificateError: the certificate isn't the trusted one. It prints the
// fingerprint, so that the owner can compare and pin it.
type CertificateError struct {
	// Fingerprint is the SHA-256 of the leaf that came, lower-case hexadecimal.
	Fingerprint string
	Err         error
}

func (e *CertificateError) Error() string {
	return fmt.Sprintf("certificate not trusted: %v; SHA-256 fingerprint of what answered: %s", e.Err, e.Fingerprint)
}

func (e *CertificateError) Unwrap() error { return e.Err }
