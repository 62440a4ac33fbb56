package journal

// Storage and File are what a test's storage must be.
type (
	Storage = storage
	File    = file
)

// KeptDamaged is how many damaged journals are kept.
const KeptDamaged = keptDamaged

// OpenOn is Open on another storage.
func OpenOn(on Storage, path string) (*Log, Found, error) { return open(on, path) }

// ReadOn is Read on another storage.
func ReadOn(on Storage, path string) (Found, error) {
	_, found, err := load(on, path)
	return found, err
}
