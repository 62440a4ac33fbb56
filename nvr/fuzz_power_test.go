package nvr_test

import (
	"bytes"
	"errors"
	"regexp"
	"testing"

	"hikbridge/nvr"
)

var successCode = regexp.MustCompile(`(?i)statuscode(>|"\s*:)`)

// FuzzVerdict lets any answer come to a power request: done only under 200 with a
// statusCode in it, an error for all else, and the same verdict with a tail of NULs,
// as some devices send.
func FuzzVerdict(f *testing.F) {
	for _, seed := range []string{
		"", "{", `{"statusCode":1}`, `{"statusCode":"0","subStatusCode":"ok"}`, `{"ResponseStatus":{"statusCode":7}}`, `{"statusCode":4,"statusCode":1}`,
		"<ResponseStatus><statusCode>1</statusCode></ResponseStatus>", "<a:ResponseStatus><a:statusCode>7</a:statusCode></a:ResponseStatus>",
		"<ResponseStatus><statusCode>1</statusCode><statusCode>4</statusCode></ResponseStatus>", "<ResponseStatus><statusCode>1</statusCode>",
		"<ResponseStatus><statusCode>2</statusCode><subStatusCode>upgrading</subStatusCode></ResponseStatus>", "<html>OK</html>", "OK", "\x00",
	} {
		for _, status := range []int{200, 403, 500, 503} {
			f.Add(status, []byte(seed))
		}
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if status < 200 || status > 599 {
			status = 200
		}
		o, err := nvr.Verdict(status, body)
		if (o == nvr.OutcomeDone) != (err == nil) || o == nvr.OutcomeNotSent {
			t.Fatalf("%v, %v", o, err)
		}
		if o == nvr.OutcomeDone && (status != 200 || !successCode.Match(body)) {
			t.Fatalf("done by %d %q", status, body)
		}
		if o == nvr.OutcomeBusy && !errors.Is(err, nvr.ErrBusy) {
			t.Fatalf("busy by %v", err)
		}
		if again, _ := nvr.Verdict(status, append(bytes.Clone(body), 0, 0)); again != o && o == nvr.OutcomeDone {
			t.Fatalf("%v, and %v with NULs", o, again)
		}
	})
}

// FuzzFormatting lets any formatStatus come: a yes only where such an element is.
func FuzzFormatting(f *testing.F) {
	for _, seed := range []string{
		"", "<a/>", "<formatStatus><formating>true</formating><percent>3</percent></formatStatus>", "<formatStatus><formatting>0</formatting></formatStatus>",
		"<formatStatus><formating>true", "<x><formating>soon</formating></x>", "<!DOCTYPE a><formating>true</formating>",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		m := nvr.Formatting(body)
		low := bytes.ToLower(body)
		if m.Value && !m.Known || m.Known && !bytes.Contains(low, []byte("formating")) && !bytes.Contains(low, []byte("formatting")) {
			t.Fatalf("%+v of %q", m, body)
		}
	})
}
