//go:build race

package power_test

// slower is how much slower than usual the tests run.
const slower = 15
