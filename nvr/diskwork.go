package nvr

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// maxFormatAsked bounds how many disks are asked for their formatting in one look.
const maxFormatAsked = 4

// DiskWork is what keeps the disks busy. Each is known only where the device tells
// it of every disk: one word that isn't known makes a "no" unknown.
type DiskWork struct {
	Formatting Maybe[bool]
	Repairing  Maybe[bool]
	// RAIDError is only known where an array is listed: no question for the state
	// of arrays is documented.
	RAIDError Maybe[bool]
	// Evidence names each disk and the word that isn't an ordinary one.
	Evidence []string
	// Disks are those that were looked at.
	Disks []Disk
}

// DiskWork asks for the disks' states. Usually that is the one request of Storage; a
// disk whose word isn't known is also asked for hdd/<id>/formatStatus, whose form
// isn't documented: only an element that is called formating or formatting is
// believed. A refusal because of formatting is an answer, too.
func (c *Client) DiskWork(ctx context.Context) (DiskWork, error) {
	disks, err := c.Storage(ctx)
	var s *StatusError
	if errors.As(err, &s) && formats(s.Sub) {
		return DiskWork{Formatting: known(true), Evidence: []string{s.Path + ": " + s.Sub}}, nil
	}
	if err != nil {
		return DiskWork{}, err
	}
	words := map[string]diskWord{}
	asked := 0
	for _, d := range disks {
		w := diskWords[strings.ToLower(d.Status)]
		if w == oddWord && !d.Network && onlyDigits(d.ID) && asked < maxFormatAsked {
			asked++
			if w, err = c.formatStatus(ctx, d.ID); err != nil {
				return DiskWork{}, err
			}
		}
		words[d.ID] = w
	}
	return diskWork(disks, words), nil
}

// diskWord is what a status means here.
type diskWord int

const (
	oddWord       diskWord = iota // not known
	restWord                      // in order, or empty, or gone
	faultWord                     // out of order
	formatWord                    // being formatted
	repairWord                    // being repaired
	notFormatWord                 // an odd one, but not being formatted
)

// diskWords are the words of hdd/status, spelled as devices do (seen in several
// clients and recorders), and the right spellings.
var diskWords = map[string]diskWord{
	"ok": restWord, "normal": restWord, "idle": restWord, "sleep": restWord, "sleeping": restWord,
	"unformatted": restWord, "unrecordhostformatted": restWord,
	"error": faultWord, "abnormal": faultWord, "smartfailed": faultWord, "mismatch": faultWord, "offline": faultWord,
	"formating": formatWord, "formatting": formatWord,
	"reparing": repairWord, "repairing": repairWord,
}

// diskWork joins the disks: one that does something is enough, all must be known
// not to.
func diskWork(disks []Disk, words map[string]diskWord) DiskWork {
	work := DiskWork{Formatting: known(false), Repairing: known(false), Disks: disks}
	for _, d := range disks {
		w := words[d.ID]
		switch w {
		case restWord:
		case formatWord:
			work.Formatting = known(true)
		case repairWord:
			work.Repairing = known(true)
		case oddWord, notFormatWord:
			if w == oddWord {
				work.Formatting = noLonger(work.Formatting)
			}
			work.Repairing = noLonger(work.Repairing)
		case faultWord:
		}
		if w != restWord {
			work.Evidence = append(work.Evidence, strings.TrimSpace(firstOf(d.Name, "disk "+d.ID)+" "+firstOf(name(d.Status), "without a word")))
		}
	}
	work.RAIDError = arrayError(disks, words)
	return work
}

// noLonger takes back a no.
func noLonger(m Maybe[bool]) Maybe[bool] {
	return Maybe[bool]{Value: m.Value, Known: m.Value}
}

// isArray says whether a disk is an array's volume (hddType "Virtual Disk" in one
// client's inventory).
func isArray(d Disk) bool { return strings.EqualFold(d.Type, "Virtual Disk") }

// arrayError says whether an array has a fault: no only if all are in order.
func arrayError(disks []Disk, words map[string]diskWord) Maybe[bool] {
	arrays, inOrder := 0, 0
	for _, d := range disks {
		switch w := words[d.ID]; {
		case !isArray(d):
			continue
		case w == faultWord:
			return known(true)
		case w == restWord:
			inOrder++
		}
		arrays++
	}
	return Maybe[bool]{Known: arrays > 0 && arrays == inOrder}
}

// formatStatus asks one disk whether it is being formatted.
func (c *Client) formatStatus(ctx context.Context, id string) (diskWord, error) {
	path := pathStorage + "/hdd/" + id + "/formatStatus"
	body, err := c.raw(ctx, path)
	switch {
	case errors.Is(err, ErrUnsupported), errors.Is(err, ErrForbidden), errors.Is(err, ErrDocument):
		return oddWord, nil
	case err != nil:
		return oddWord, fmt.Errorf("disk %s: %w", id, err)
	}
	return formatting(body), nil
}

func formatting(body []byte) diskWord {
	var word string
	_, err := leaves(body, func(element, value []byte) {
		if e := strings.ToLower(string(element)); e == "formating" || e == "formatting" {
			word = string(value)
		}
	})
	switch t := truth(word); {
	case err != nil, !t.Known:
		return oddWord
	case t.Value:
		return formatWord
	}
	return notFormatWord
}

// formats says whether a sub-status means that a disk is being formatted.
func formats(sub string) bool {
	switch strings.ToLower(sub) {
	case "formatting", "hdformatting", "ssdfilesystemisformat":
		return true
	}
	return false
}
