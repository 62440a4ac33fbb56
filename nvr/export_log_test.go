package nvr

import "time"

// ParseLog reads a page of the log as the answer to a search between two moments.
func ParseLog(body []byte, zone Zone, from, to time.Time) (entries []LogEntry, all bool, err error) {
	var page searchPage
	if err := decode(body, &page, "CMSearchResult"); err != nil {
		return nil, false, err
	}
	first, last := zone.digits(from, to)
	entries, all = readLog(page.Items, zone, span{from, to}, span{first, last})
	return entries, all, nil
}

// Digits gives the readings of the device's clock that a search asks for.
func (z Zone) Digits(from, to time.Time) (first, last time.Time) { return z.digits(from, to) }

// LogKindOf reads a minor key.
func LogKindOf(minor string) LogKind { return logKindOf(minor) }
