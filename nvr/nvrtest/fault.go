package nvrtest

import (
	"strings"
	"time"
)

// Answers says which answers a Fault spoils.
type Answers int

const (
	AnyAnswer  Answers = iota
	Granted            // to requests that signed in, or that need no sign-in
	Challenges         // the 401 to a request without credentials
	Rejections         // the 401 to a request with credentials
)

func (a Answers) String() string {
	switch a {
	case AnyAnswer:
		return "AnyAnswer"
	case Granted:
		return "Granted"
	case Challenges:
		return "Challenges"
	case Rejections:
		return "Rejections"
	}
	panic("nvrtest: unknown Answers")
}

// Fault is something that goes wrong with requests. The first group of effects
// happens before the recorder looks at the request, so that credentials in it
// are neither checked nor counted; the second one happens to the answer, after
// credentials were checked and counted.
type Fault struct {
	// Path is what requests it is for: a path with all below it, "" for all. One
	// that doesn't begin with "/" is below /ISAPI/.
	Path string
	// Exact leaves out what lies below Path.
	Exact bool
	// Method is "" for all.
	Method string
	// Answers narrows effects of the second group.
	Answers Answers
	// Times is how often it happens; 0 is until ClearFaults.
	Times int
	// Delay holds the effect back, or the ordinary answer if there is no effect
	// (then after the credentials were judged).
	Delay time.Duration

	// Reset ends the connection instead of looking at the request.
	Reset bool
	// HalfOpen takes the request and never does anything about it.
	HalfOpen bool
	// Redirect answers 302 to this URL.
	Redirect string
	// BasicOnly answers 401 with nothing but Basic (DS-2CD2132-I).
	BasicOnly bool
	// LoginPage answers 200 with the HTML of a login page.
	LoginPage bool

	// ResetAfterRequest ends the connection instead of answering.
	ResetAfterRequest bool
	// NoAnswer keeps the answer for ever.
	NoAnswer bool
	// Status replaces the answer: a ResponseStatus with SubStatus, under any
	// HTTP status. 200 with "notSupport" is a refusal under HTTP 200. Of 401 it
	// is a rejection, with a challenge.
	Status int
	// SubStatus is by default one that fits Status.
	SubStatus string
	// Body replaces the body. ContentType goes with it.
	Body        []byte
	ContentType string
	// TruncateAt ends the connection after so many bytes of the body.
	TruncateAt int
	// Trickle sends the body byte by byte with this between them.
	Trickle time.Duration
	// EndlessHeader and EndlessBody never stop sending.
	EndlessHeader, EndlessBody bool
	// GarbageAfterRoot puts text and another element after the document.
	GarbageAfterRoot bool
	// Doctype puts a document type with an entity before the root.
	Doctype bool
}

// armed is a fault with its rest of Times.
type armed struct {
	Fault
	left int
}

// Fail makes requests go wrong. With several faults the first that applies to a
// request happens, alone.
func (r *Recorder) Fail(f Fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f.Path = absolute(f.Path)
	r.faults = append(r.faults, &armed{Fault: f, left: f.Times})
}

// ClearFaults ends all faults; requests that are held back already stay so.
func (r *Recorder) ClearFaults() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = nil
}

// early says whether the fault happens before the request is looked at.
func (f Fault) early() bool {
	return f.Reset || f.HalfOpen || f.Redirect != "" || f.BasicOnly || f.LoginPage
}

func (f Fault) matches(method, path string) bool {
	if f.Method != "" && !strings.EqualFold(f.Method, method) {
		return false
	}
	if f.Exact {
		return path == f.Path
	}
	return f.Path == "" || below(path, f.Path)
}

// takeFaultLocked uses up the first fault that fits, or gives nil.
func (r *Recorder) takeFaultLocked(fits func(Fault) bool) *Fault {
	for i, a := range r.faults {
		if !fits(a.Fault) {
			continue
		}
		if a.Times > 0 {
			if a.left--; a.left == 0 {
				r.faults = append(r.faults[:i:i], r.faults[i+1:]...)
			}
		}
		f := a.Fault
		return &f
	}
	return nil
}
