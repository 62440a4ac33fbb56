package ups

// Split and Join are the reader and the writer of lines.
var (
	Split = split
	Join  = join
)

// The bounds.
const (
	MaxLine     = maxLine
	MaxCommands = maxListed
)
