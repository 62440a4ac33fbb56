package journal

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

const (
	// MaxRecord is the most bytes that a record has, MaxFile those of a journal.
	MaxRecord = 1 << 20
	MaxFile   = 16 << 20

	magic      = "hikjrnl\n"
	version    = 1
	saltAt     = len(magic) + 4
	saltSize   = 8
	headerSize = saltAt + saltSize + 4
	headSize   = 16
)

// ErrVersion: the journal is of a version that this package doesn't read.
var ErrVersion = errors.New("a newer hikbridge wrote this journal: run that one again, or move the file away, which forgets what is under way")

// Found is what a journal held.
type Found struct {
	// Records are the payloads, oldest first, up to the first that isn't intact.
	Records [][]byte
	// Torn is the size in bytes of a tail that a crash left unfinished.
	Torn int64
	// Damaged: durable records are lost behind the last of Records.
	Damaged bool
	// Unwritable says why Open couldn't make the file ready, with the disk full for
	// instance; each Append tries again. If nil and not Damaged, Records are durable.
	Unwritable error
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// encode gives the content of a file with these records.
func encode(records [][]byte) []byte {
	var salt [saltSize]byte
	rand.Read(salt[:]) // never fails
	return encodeWith(salt, records)
}

func encodeWith(salt [saltSize]byte, records [][]byte) []byte {
	content := binary.LittleEndian.AppendUint32([]byte(magic), version)
	content = append(content, salt[:]...)
	content = binary.LittleEndian.AppendUint32(content, checksum(content))
	for i, r := range records {
		content = appendRecord(content, i+1, r)
	}
	return content
}

// appendRecord adds the record of this number, which begins at 1.
func appendRecord(content []byte, number int, payload []byte) []byte {
	at := len(content)
	content = binary.LittleEndian.AppendUint32(content, uint32(number))
	content = binary.LittleEndian.AppendUint32(content, uint32(len(payload)))
	content = binary.LittleEndian.AppendUint32(content, checksum(payload))
	content = binary.LittleEndian.AppendUint32(content, headSum(content, at))
	return append(content, payload...)
}

// headSum is what the checksum of the head at this place must be.
func headSum(content []byte, at int) uint32 {
	salt := crc32.Checksum(content[saltAt:saltAt+saltSize], castagnoli)
	return crc32.Update(salt, castagnoli, content[at:at+headSize-4])
}

// parse reads the content of a file. The records are parts of it.
func parse(content []byte) (Found, error) {
	var found Found
	if !intactHeader(content) {
		found.Damaged = true
		return found, nil
	}
	if v := binary.LittleEndian.Uint32(content[len(magic):]); v != version {
		return found, fmt.Errorf("%w (version %d; this one reads %d)", ErrVersion, v, version)
	}
	for at := headerSize; at < len(content); {
		number := len(found.Records) + 1
		payload, ok := recordAt(content, at, number)
		if !ok {
			found.Damaged = headBehind(content, at, number)
			if !found.Damaged {
				found.Torn = int64(len(content) - at)
			}
			break
		}
		found.Records = append(found.Records, payload)
		at += headSize + len(payload)
	}
	return found, nil
}

func intactHeader(content []byte) bool {
	return len(content) >= headerSize && string(content[:len(magic)]) == magic &&
		binary.LittleEndian.Uint32(content[headerSize-4:]) == checksum(content[:headerSize-4])
}

// recordAt gives the payload of the record of this number if it stands here intact.
func recordAt(content []byte, at, number int) (payload []byte, ok bool) {
	n, length, ok := headAt(content, at)
	if !ok || n != number || length > len(content)-at-headSize {
		return nil, false
	}
	payload = content[at+headSize:][:length:length]
	return payload, checksum(payload) == binary.LittleEndian.Uint32(content[at+8:])
}

// headAt gives number and length of the record whose head stands here intact.
func headAt(content []byte, at int) (number, length int, ok bool) {
	if len(content)-at < headSize {
		return 0, 0, false
	}
	n, size := binary.LittleEndian.Uint32(content[at:]), binary.LittleEndian.Uint32(content[at+4:])
	ok = 0 < size && size <= MaxRecord && headSum(content, at) == binary.LittleEndian.Uint32(content[at+headSize-4:])
	return int(n), int(size), ok
}

// headBehind says whether the record of this number, or a later one, was begun
// behind this place. A crash doesn't do that: it should have begun here, and the
// next one is begun only when it is durable. Every byte is looked at, as the
// length that leads there may be what is damaged.
func headBehind(content []byte, at, number int) bool {
	for at++; at < len(content); at++ {
		if n, _, ok := headAt(content, at); ok && n >= number {
			return true
		}
	}
	return false
}
