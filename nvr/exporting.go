package nvr

import (
	"context"
	"errors"
	"net/http"
	"time"
)

const (
	pathDiagnosis = "System/diagnosedData/exportStatus"
	pathLogToUSB  = "System/exportLogToUSB/status?format=json"
	// exportFor is how long a refusal that spoke of an export counts.
	exportFor = 2 * time.Minute
)

// export is the last refusal that spoke of one.
type export struct {
	at   time.Time
	word string // path and sub-status
}

// noteExport remembers a refusal because of an export.
func (c *Client) noteExport(s *StatusError) {
	if !exports(s.Sub) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.export = export{time.Now(), s.Path + ": " + s.Sub}
}

func (c *Client) lastExport() (evidence string, running bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.export.word, !c.export.at.IsZero() && time.Since(c.export.at) < exportFor
}

// Exporting says whether something is exported, with what says so. Only a refusal
// for that reason says it (sub-status exporting, configOperating, dataBackuping,
// beingExportedByAnotherUser), of any request in the last two minutes or of the
// questions that are asked here, for the export of diagnosis and of logs. Their
// documents' form isn't documented, so any other answer leaves it unknown, and
// nothing here ever says no: a recorder lists neither downloads nor exports to USB.
// ErrUnsupported: it has none of these questions.
func (c *Client) Exporting(ctx context.Context) (Maybe[bool], string, error) {
	if evidence, running := c.lastExport(); running {
		return known(true), evidence, nil
	}
	_, err := c.raw(ctx, pathDiagnosis)
	if errors.Is(err, ErrUnsupported) {
		_, err = c.getJSON(ctx, pathLogToUSB)
	}
	var s *StatusError
	switch {
	case errors.As(err, &s) && exports(s.Sub):
		return known(true), s.Path + ": " + s.Sub, nil
	case errors.Is(err, ErrDocument):
		err = nil // it answers
	}
	return Maybe[bool]{}, "", err
}

// raw asks for a document whose form isn't certain: any but a refusal or a web page.
func (c *Client) raw(ctx context.Context, path string) ([]byte, error) {
	if err := c.remembered(path); err != nil {
		return nil, err
	}
	q := request{method: http.MethodGet, path: path}
	body, err := c.call(ctx, q, maxDocument)
	if err == nil {
		err = check(q.method, q.path, http.StatusOK, body, []string{"answer"})
	}
	if err == nil {
		body, err = clean(body)
	}
	return body, c.took(q, err)
}
