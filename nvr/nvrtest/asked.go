package nvrtest

import (
	"net/http"
	"strings"
)

// asked is a request as far as its answer depends on it.
type asked struct {
	request      *http.Request
	method, path string
	rest         string // of the path, below /ISAPI/
	json         bool   // the answer is to be JSON
	body         []byte
}

func askedOf(req *http.Request, body []byte) asked {
	return asked{
		request: req, method: req.Method, path: req.URL.Path,
		json: strings.EqualFold(req.URL.Query().Get("format"), "json"), body: body,
	}
}

// answerLocked is the recorder's own answer.
func (r *Recorder) answerLocked(q asked, c credentials) (answer, account) {
	if r.now().Before(r.power.errorsTill) {
		return r.refuse(q, http.StatusInternalServerError, "deviceError"), account{}
	}
	if q.path == "/SDK/activateStatus" && q.method == http.MethodGet {
		return r.document(http.StatusOK, activateStatus()), account{}
	}
	rest, found := r.isapiPath(q.path)
	if !found {
		return answer{status: http.StatusNotFound, contentType: typeHTML, body: []byte("<html><body>404 Not Found</body></html>")}, account{}
	}
	q.rest = rest
	v := r.judgeLocked(q.request, c)
	switch {
	case v.outcome != granted:
		return r.unauthorized(q.request, v), v.account
	case r.access.rights.refuses(q.method, "/ISAPI/"+rest):
		return r.unprivileged(q, v), v.account
	case rest == alertStream:
		return r.streamAnswer(q), v.account
	}
	if a, ok := r.orderLocked(q); ok {
		return a, v.account
	}
	if r.replay.documents != nil {
		return r.replayed(q), v.account
	}
	return r.found(q), v.account
}

// unprivileged answers for a right that is missing.
func (r *Recorder) unprivileged(q asked, v verdict) answer {
	if !r.access.rights.As401 {
		return r.refuse(q, http.StatusForbidden, "lowPrivilege")
	}
	v.outcome = denied
	r.book(v)
	v.lock = r.lockOf(v.account).view(r.now())
	return r.unauthorized(q.request, v)
}

// found answers what a signed-in account asks for.
func (r *Recorder) found(q asked) answer {
	_, administrator := r.access.level()
	if other, found := strings.CutPrefix(q.rest, "Security/UserPermission/"); found && other != r.access.userID() && !administrator {
		return r.refuse(q, http.StatusForbidden, "lowPrivilege")
	}
	if a, ok := r.special(q); ok {
		return a
	}
	e := r.content(q.rest)
	switch {
	case e == nil:
		return r.unsupported(q)
	case q.method != http.MethodGet:
		return r.refuse(q, http.StatusMethodNotAllowed, "methodNotAllowed")
	}
	return r.document(http.StatusOK, e)
}

// special answers what isn't an XML document to a GET.
func (r *Recorder) special(q asked) (answer, bool) {
	if text, ok := r.plainText(q.rest); ok && q.method == http.MethodGet {
		return answer{status: http.StatusOK, contentType: "text/plain", body: []byte(text)}, true
	}
	if stream, proxied, ok := pictureStream(q.rest); ok {
		return r.picture(q, stream, proxied), true
	}
	switch {
	case q.rest == "System/workingstatus" && q.json && q.method == http.MethodGet:
		return r.working(q), true
	case q.rest == pathNotifications && q.json && r.config.Notifications.Supported:
		return r.disturbParams(q), true
	case q.rest == "ContentMgmt/search" && r.config.Model.recorder():
		return r.search(q), true
	case q.rest == "ContentMgmt/logSearch" && r.config.Model.recorder():
		return r.logSearch(q), true
	}
	if track, ok := strings.CutPrefix(q.rest, "ContentMgmt/record/tracks/"); ok {
		if track, ok = strings.CutSuffix(track, "/dailyDistribution"); ok {
			return r.distribution(q, track), true
		}
	}
	return answer{}, false
}

// plainText is a document without XML.
func (r *Recorder) plainText(rest string) (string, bool) {
	switch rest {
	case "System/time/localTime":
		return r.deviceTime(), true
	case "System/time/timeZone":
		return r.config.TimeZone, !r.config.NoTimeZone
	}
	return "", false
}
