package nvrtest

import "strings"

// Rights limit the account. The zero value is an account with all rights.
type Rights struct {
	// Level is "Administrator", "Operator" or "Viewer". Empty is Administrator
	// for the user "admin" and Operator for others.
	Level string
	// Lacks are rights by the device's names (UserPermission/remotePermission):
	// "logOrStateCheck" closes System/status and the log, "parameterConfig" and
	// "restartOrShutdown" writes, "preview" pictures, "playBack" searches.
	Lacks []string
	// Denied are more paths that are closed, with everything below them; a path
	// that doesn't begin with "/" is below /ISAPI/.
	Denied []string
	// As401 answers 401 instead of 403 lowPrivilege, as a DS-7616NI-K2 does.
	As401 bool
}

// SetRights changes what the account may do.
func (r *Recorder) SetRights(rights Rights) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.access.rights = rights
}

// level is the account's, and whether it is an administrator.
func (a *access) level() (string, bool) {
	level := a.rights.Level
	if level == "" && a.username == DefaultUsername {
		level = "Administrator"
	}
	if level == "" {
		level = "Operator"
	}
	return level, level == "Administrator"
}

// lacks says whether a right is missing.
func (rights Rights) lacks(right string) bool {
	for _, l := range rights.Lacks {
		if strings.EqualFold(l, right) {
			return true
		}
	}
	return false
}

// refuses says whether the account may not do this.
func (rights Rights) refuses(method, path string) bool {
	for _, d := range rights.Denied {
		if below(path, absolute(d)) {
			return true
		}
	}
	right := rightFor(method, path)
	return right != "" && rights.lacks(right)
}

// rightFor is the right that a request needs, "" for none (facts of
// UserPermission and of the recorder's user page).
func rightFor(method, path string) string {
	rest := strings.TrimPrefix(path, "/ISAPI/")
	switch {
	case rest == "System/reboot", rest == "System/shutdown":
		return "restartOrShutdown"
	case rest == pathNotifications && method != "GET":
		return "parameterConfig"
	case below(rest, "System/status"), below(rest, "System/workingstatus"), below(rest, "ContentMgmt/logSearch"):
		return "logOrStateCheck"
	case below(rest, "ContentMgmt/search"), strings.HasSuffix(rest, "/dailyDistribution"):
		return "playBack"
	case strings.HasSuffix(rest, "/picture"):
		return "preview"
	case below(rest, "Event/notification"):
		return "alarmOutOrUpload"
	case method != "GET":
		return "parameterConfig"
	}
	return ""
}

// absolute completes a path that is given below /ISAPI/.
func absolute(path string) string {
	if path == "" || strings.HasPrefix(path, "/") {
		return path
	}
	return "/ISAPI/" + path
}

// below says whether a path is another or lies below it.
func below(path, top string) bool {
	rest, found := strings.CutPrefix(path, strings.TrimSuffix(top, "/"))
	return found && (rest == "" || rest[0] == '/')
}
