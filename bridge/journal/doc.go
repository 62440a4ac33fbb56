// Package journal keeps records in a file, one behind the other, so that they
// survive a power failure. It doesn't know what they mean.
//
//	log, found, err := journal.Open(path) // found.Records: what was appended before
//	err = log.Append(record)              // nil: it is durable
//	err = log.Compact(keep)               // these records instead of all there are
//
// # What holds after a crash
//
// A record whose Append returned nil is there, in its order. A record whose
// Append failed, or was cut short by the crash, may be there or not: nothing
// tells a failed write from one whose success couldn't be reported. It is taken
// out of the file as soon as the disk allows, before anything is appended behind
// it. What Compact puts in is there wholly or not at all. Either is done by a new
// file in the place of the old one, and the disk must have room for both.
//
// # Torn and damaged
//
// Only the last record can be unfinished, so what can't be read at the end is a
// torn tail; Open cuts it. If the head of that record or a later one stands
// behind what can't be read, or the file's header can't be read, a durable record
// is lost: the journal is damaged. Open then changes nothing, and Append refuses
// until Compact begins a new journal. It keeps the damaged file as
// <path>.damaged-1 to -4: when all four are taken, the first three and the
// newest stay.
//
// Damage at the very end can't be told from a crash: a last record that changed
// is taken for torn, and a file that ends early for a shorter journal.
//
// # The file
//
// Numbers are little-endian, checksums CRC-32C.
//
//	header  8 bytes  "hikjrnl\n"
//	        4        version: 1
//	        8        salt: random, new whenever the whole file is written
//	        4        checksum of the 20 bytes before
//	record  4        number of the record: 1, 2, 3 …
//	        4        length of the payload: 1 byte to 1 MiB
//	        4        checksum of the payload
//	        4        checksum of the salt and the 12 bytes before
//	                 payload
//
// Salt and number are never used twice for different records, so none is taken
// for one of another file, such as a former one whose blocks come up again, or
// for one of another place. The header has this form in every version.
package journal
