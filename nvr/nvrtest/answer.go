package nvrtest

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// answer is what the recorder says to a request.
type answer struct {
	status      int
	challenges  []string // lines of WWW-Authenticate
	contentType string
	location    string
	body        []byte
	stream      bool // the connection becomes an event stream
	lost        bool // it is never sent
	order       *order
	setting     []byte // what the notifications become
}

const (
	typeXML  = `application/xml; charset="UTF-8"`
	typeHTML = "text/html"
)

// style is the model's way of writing XML.
func (r *Recorder) style() style {
	s := style{newline: r.traits.newline, encoding: "UTF-8", raw: r.config.RawAmpersand}
	switch r.config.Encoding {
	case "":
	case "GB2312":
		s.encoding, s.gb2312 = "GB2312", true
	default:
		s.encoding = r.config.Encoding
	}
	return s
}

// document answers with an XML document. A device that declares another encoding
// doesn't contradict itself in the header.
func (r *Recorder) document(status int, e *element) answer {
	contentType := typeXML
	if r.config.Encoding != "" || !r.traits.lockInBody {
		contentType = "application/xml"
	}
	return answer{status: status, contentType: contentType, body: r.style().document(e)}
}

// refusal answers with a ResponseStatus.
func (r *Recorder) refusal(status int, path, subStatus string) answer {
	return r.document(status, r.responseStatus(path, subStatus))
}

func (r *Recorder) responseStatus(path, subStatus string) *element {
	code, text := statusOf(subStatus)
	return r.traits.root("ResponseStatus", el("requestURL", path), el("statusCode", number(code)), el("statusString", text), el("subStatusCode", subStatus))
}

// statusOf gives the ISAPI status that a sub-status belongs to (ErrorCode.xlsx).
func statusOf(subStatus string) (code int, text string) {
	switch subStatus {
	case "ok":
		return 1, "OK"
	case "deviceBusy", "upgrading", "reConnectIpc", "configOperating", "formatting", "searchTimeout", "serviceUnavailable":
		return 2, "Device Busy"
	case "deviceError", "diskError", "upgradeErrorAndReboot", "hardDiskError":
		return 3, "Device Error"
	case "badXmlFormat":
		return 5, "Invalid XML Format"
	case "badXmlContent":
		return 6, "Invalid XML Content"
	case "rebootRequired", "autoReboot":
		return 7, "Reboot Required"
	}
	return 4, "Invalid Operation"
}

// subStatusFor is what a device would say under an HTTP status.
func subStatusFor(status int) string {
	switch {
	case status == http.StatusServiceUnavailable:
		return "deviceBusy"
	case status >= 500:
		return "deviceError"
	case status == http.StatusForbidden, status == http.StatusNotFound:
		return "notSupport"
	case status == http.StatusMethodNotAllowed:
		return "methodNotAllowed"
	}
	return "invalidOperation"
}

// unauthorized answers 401. Security/userCheck tells of the lock on all models
// that have it, other paths on new ones; the rest of the old ones' is bare.
func (r *Recorder) unauthorized(req *http.Request, v verdict) answer {
	a := answer{status: http.StatusUnauthorized}
	path := req.URL.Path
	switch {
	case path == "/ISAPI/Security/userCheck" && r.config.Model != OldCamera:
		a = r.document(http.StatusUnauthorized, r.rejectedUserCheck(req, v))
	case r.traits.lockInBody:
		a = r.document(http.StatusUnauthorized, r.rejectedStatus(path, req, v))
	}
	if v.outcome != stale || !r.config.StaleWithoutChallenge {
		a.challenges = r.challengeLocked(path, v.outcome == stale)
	}
	return a
}

// rejectedUserCheck is the body of a failed userCheck; without credentials it
// tells nothing of the lock (ERI-K104), unless Config wants it to.
func (r *Recorder) rejectedUserCheck(req *http.Request, v verdict) *element {
	e := r.traits.root("userCheck", el("statusValue", "401"), el("statusString", "Unauthorized"))
	if v.outcome == anonymous {
		if v.lock = r.shownLock(clientHost(req)); !v.lock.locked {
			return e
		}
	}
	return e.add(el("isDefaultPassword", "false"), el("isRiskPassword", "false"), el("isActivated", "true"),
		el("lockStatus", lockWord(v.lock)), el("unlockTime", seconds(v.lock.rest)), el("retryLoginTime", number(v.lock.tries)))
}

func (r *Recorder) rejectedStatus(path string, req *http.Request, v verdict) *element {
	if v.outcome == anonymous {
		v.lock = r.shownLock(clientHost(req))
	}
	sub := "unauthorized"
	switch {
	case v.lock.locked:
		sub = "userLocked"
	case v.outcome == stale:
		sub = "invalidOperation"
	}
	e := r.responseStatus(path, sub)
	if v.outcome == anonymous && !v.lock.locked {
		return e
	}
	return e.add(el("lockStatus", lockWord(v.lock)), el("retryTimes", number(v.lock.tries)), el("resLockTime", seconds(v.lock.rest)))
}

func lockWord(v lockView) string {
	if v.locked {
		return "lock"
	}
	return "unlock"
}

// seconds rounds up.
func seconds(d time.Duration) string {
	return number(int64((d + time.Second - 1) / time.Second))
}

// unsupported answers what the device doesn't have, in its own manner:
// recorders 403, single unknown triggers of recorders 503, cameras 404 (403 for
// what only recorders have), cameras with V5.2 500, stream x03 of DVRs 400.
func (r *Recorder) unsupported(q asked) answer {
	proxied := below(q.rest, "ContentMgmt/InputProxy")
	switch m := r.config.Model; {
	case m.recorder() && strings.HasPrefix(q.rest, "Event/triggers/"):
		return r.refuse(q, http.StatusServiceUnavailable, "deviceBusy")
	case m == DVR && strings.HasPrefix(q.rest, "Streaming/channels/") && strings.HasSuffix(q.rest, "03"):
		return r.refuse(q, http.StatusBadRequest, "badParameters")
	case m.recorder(), proxied:
		return r.refuse(q, http.StatusForbidden, "notSupport")
	case m == OldCamera:
		return r.refuse(q, http.StatusInternalServerError, "deviceError")
	}
	return r.refuse(q, http.StatusNotFound, "notSupport")
}

// content finds the document for a path, or nil.
func (r *Recorder) content(rest string) *element {
	m := r.config.Model
	switch rest {
	case "System/deviceInfo":
		return r.deviceInfo()
	case "System/capabilities":
		return r.capabilities()
	case "System/status":
		return r.status()
	case "System/time":
		return r.time()
	case "ContentMgmt/Storage":
		return r.storage()
	case "Security/userCheck":
		return when(m != OldCamera, r.userCheck())
	case "Security/users":
		return r.users()
	case "Security/UserPermission/" + r.access.userID():
		return r.permission()
	case "ContentMgmt/InputProxy/channels":
		return when(m.recorder(), r.proxies())
	case "ContentMgmt/InputProxy/channels/status":
		return when(m.recorder(), r.proxyStatuses())
	case "Event/triggers":
		return r.triggerList()
	case "System/Network/interfaces":
		return r.interfaces()
	case "System/onlineUpgrade/version":
		return r.upgradeVersion()
	case "System/onlineUpgrade/status":
		return r.onlineUpgradeStatus()
	case "System/upgradeStatus":
		return when(m != OldCamera, r.upgradeStatus())
	case "Security/onlineUser":
		return when(m.recorder(), r.onlineUsers())
	case "ContentMgmt/record/tracks":
		return when(m.recorder(), r.tracks())
	case "System/Video/inputs/channels":
		return when(m != NVR && m != OldNVR, r.inputs())
	}
	if one, found := strings.CutPrefix(rest, "ContentMgmt/InputProxy/channels/"); found && m.recorder() {
		return r.oneProxy(one)
	}
	if one, found := strings.CutPrefix(rest, "Event/triggers/"); found {
		return r.oneTrigger(one)
	}
	if one, found := strings.CutPrefix(rest, "ContentMgmt/Storage/hdd/"); found && m.recorder() {
		if e := r.formatStatus(one); e != nil {
			return e
		}
		return r.smartTest(one)
	}
	return nil
}

// oneProxy is a channel's own document, "3" or "3/status".
func (r *Recorder) oneProxy(rest string) *element {
	id, isStatus := strings.CutSuffix(rest, "/status")
	n, err := strconv.Atoi(id)
	s := r.contents.find(IP(n))
	if err != nil || s == nil {
		return nil
	}
	if isStatus {
		return r.proxyStatus(*s).with("version", r.traits.version).with("xmlns", r.traits.namespace)
	}
	return r.proxy(*s)
}
