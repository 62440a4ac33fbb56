package bridgetest

import (
	"net"
	"strings"
	"time"
)

// NUTFault is what is wrong with a NUT server, its driver or its UPS.
type NUTFault int

// What it can be.
const (
	NUTHealthy      NUTFault = iota
	NUTDown                  // it doesn't run: connections end and are refused
	NUTUnplugged             // its host is off the network: nothing is answered, no connection comes about
	NUTDriverDead            // the driver isn't connected
	NUTStale                 // the driver has lost the UPS
	NUTStarting              // the driver has told nothing yet: lists are empty
	NUTUnknownUPS            // it has no such UPS
	NUTDenied                // it refuses everything
	NUTLoginRefused          // it refuses any password at once, other than upsd
	NUTFailed                // it can't hand a command to the driver
	NUTSilent                // it takes requests and answers none
	NUTLost                  // it carries out what it is told, and the connection ends before the answer
	NUTCut                   // the connection ends in the middle of the answer
	NUTCloses                // the connection ends after each answer
	NUTByteByByte            // answers come in pieces of one byte
	NUTTwice                 // answers come twice
	NUTEndlessLine           // an answer is a line without an end
	NUTEndlessList           // an answer goes on with lines like its last but one, without an end
	NUTGarbage               // answers are those of something else
)

// Fault lets everything go wrong so from now on whose request begins with on, "" meaning
// all of it. NUTDown and NUTUnplugged look at no request.
func (n *NUT) Fault(f NUTFault, on string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.fault, n.faultOn = f, on
	if f == NUTDown {
		n.hangUpLocked()
	}
}

// Late lets each answer come so much later; 0: at once.
func (n *NUT) Late(d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.late = d
}

// Pending lets the driver tell so much later what came of commands that are given from
// now on.
func (n *NUT) Pending(d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.pending = d
}

// refusal is what is answered to a request instead of the answer, or "".
func (f NUTFault) refusal(request string) string {
	aboutUPS := request == "GET" || request == "LIST" || request == "INSTCMD"
	switch {
	case f == NUTDenied:
		return "ERR ACCESS-DENIED"
	case f == NUTLoginRefused && request == "PASSWORD":
		return "ERR INVALID-PASSWORD"
	case f == NUTFailed && request == "INSTCMD":
		return "ERR INSTCMD-FAILED"
	case !aboutUPS:
	case f == NUTDriverDead:
		return "ERR DRIVER-NOT-CONNECTED"
	case f == NUTStale:
		return "ERR DATA-STALE"
	case f == NUTUnknownUPS:
		return "ERR UNKNOWN-UPS"
	}
	return ""
}

// write sends an answer, and says whether the connection goes on.
func (f NUTFault) write(conn net.Conn, text string) bool {
	switch f {
	case NUTSilent, NUTUnplugged:
		return true
	case NUTLost:
		return false
	case NUTCut:
		send(conn, text[:len(text)/2])
		return false
	case NUTCloses:
		send(conn, text)
		return false
	case NUTByteByByte:
		return send(conn, strings.Split(text, "")...)
	case NUTTwice:
		return send(conn, text+text)
	case NUTStarting:
		if begin, rest, list := strings.Cut(text, "\n"); list && strings.HasPrefix(begin, "BEGIN ") {
			text = begin + "\n" + rest[strings.Index(rest, "END "):]
		}
	case NUTEndlessLine:
		return sendForEver(conn, strings.TrimRight(text, "\"\n"), " OL")
	case NUTEndlessList:
		lines := strings.SplitAfter(text, "\n")
		return sendForEver(conn, text[:len(lines[0])], lines[max(0, len(lines)-3)])
	case NUTGarbage:
		return send(conn, "\x16\x03\x01 \"HTTP/1.1 400\" Bad\\ Request\r\n\r\n")
	case NUTHealthy, NUTDown, NUTDriverDead, NUTStale, NUTUnknownUPS, NUTDenied, NUTLoginRefused, NUTFailed:
	}
	return send(conn, text)
}

func send(conn net.Conn, pieces ...string) bool {
	for _, p := range pieces {
		if _, err := conn.Write([]byte(p)); err != nil {
			return false
		}
	}
	return true
}

// sendForEver sends until nobody listens.
func sendForEver(conn net.Conn, begin, again string) bool {
	for ok := send(conn, begin); ok; {
		ok = send(conn, again)
	}
	return false
}
