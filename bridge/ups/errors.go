package ups

import "errors"

// What a caller branches on.
var (
	// ErrUnreachable: there is no connection, or it ended before the answer did.
	ErrUnreachable = errors.New("the UPS server can't be reached")
	// ErrLate: the answer wasn't whole in time.
	ErrLate = errors.New("there is no answer in time")
	// ErrTooLong: a line or a list is longer than any of NUT's.
	ErrTooLong = errors.New("the answer is too long; is this a NUT server?")
	// ErrNotNUT: the answer isn't one to the question.
	ErrNotNUT = errors.New("the answer isn't that of a NUT server; is this its address?")
	// ErrDenied: the server refuses the login, or what it permits.
	ErrDenied = errors.New("login or access denied; compare user, password and instcmds with the server's upsd.users")
	// ErrUnknownUPS: the server has no UPS of this name.
	ErrUnknownUPS = errors.New("the server has no UPS of this name; the names are in its ups.conf")
	// ErrDriver: the UPS's driver doesn't run, or upsd can't talk to it.
	ErrDriver = errors.New("the driver of the UPS isn't connected; is it running on the server?")
	// ErrStale: the driver has lost the UPS, or doesn't answer upsd any more.
	ErrStale = errors.New("the data is stale; look at the cable of the UPS and at its driver")
	// ErrWithheld: the caller didn't want a command any more when it could leave.
	ErrWithheld = errors.New("it wasn't right any more at the last moment")
	// ErrUnsupported: this UPS doesn't have the variable or the command.
	ErrUnsupported = errors.New("the UPS doesn't support that")
)

// ServerError is a refusal in upsd's own words: an answer that begins with ERR.
type ServerError struct {
	// Code is what follows, as in "DATA-STALE": capital letters, digits and "-".
	Code string
}

func (e *ServerError) Error() string {
	if err := e.Unwrap(); err != nil {
		return "upsd says " + e.Code + ": " + err.Error()
	}
	return "upsd says " + e.Code
}

// Unwrap gives the sentinel that the code stands for (NUT's network protocol,
// "Error responses"), or nil.
func (e *ServerError) Unwrap() error {
	switch e.Code {
	case "ACCESS-DENIED", "USERNAME-REQUIRED", "PASSWORD-REQUIRED", "INVALID-USERNAME", "INVALID-PASSWORD":
		return ErrDenied
	case "UNKNOWN-UPS":
		return ErrUnknownUPS
	case "DRIVER-NOT-CONNECTED":
		return ErrDriver
	case "DATA-STALE":
		return ErrStale
	case "VAR-NOT-SUPPORTED", "CMD-NOT-SUPPORTED":
		return ErrUnsupported
	}
	return nil
}
