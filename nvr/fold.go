package nvr

import (
	"slices"
	"time"
)

// foldStep is how far the digits of one entry must be behind those of the one
// before to show that the clock was put back to winter time meanwhile; less may be
// a clock that was corrected.
const foldStep = time.Minute

// digits gives the readings of the device's clock between which lies all that it
// writes from one moment to another. Where the clock is put back in between, that
// is up to the shift more on either side.
func (z Zone) digits(from, to time.Time) (first, last time.Time) {
	first, last = z.Wall(from).Truncate(time.Second), z.Wall(to).Truncate(time.Second)
	if !z.hasSummer {
		return first, last
	}
	shift := (z.summer - z.standard).Abs()
	if z.Wall(from.Add(shift)).Sub(z.Wall(from)) != shift {
		first = first.Add(-shift)
	}
	if z.Wall(to).Sub(z.Wall(to.Add(-shift))) != shift {
		last = last.Add(shift)
	}
	return first, last
}

// readings gives the moments that digits can mean, the earlier first: two in the
// hour that autumn has twice, otherwise one.
func (z Zone) readings(wall time.Time) []time.Time {
	summer, standard := wall.Add(-z.summer), wall.Add(-z.standard)
	inSummer := z.hasSummer && z.isSummer(wall, z.summer)
	inStandard := !z.hasSummer || !z.isSummer(wall, z.standard)
	switch {
	case inSummer && inStandard && summer.Before(standard):
		return []time.Time{summer, standard}
	case inSummer && inStandard:
		return []time.Time{standard, summer}
	case inSummer:
		return []time.Time{summer}
	}
	return []time.Time{standard} // also in the hour that spring leaves out
}

// moments reads digits that were written one after the other. In the doubled hour
// what stands before the step back belongs to the first pass, what stands behind it
// to the second; without a step it is read as within from and to, the earlier if
// both readings are. What isn't within them is the zero time, but unless the order
// is sure no entry is left out whose other reading is.
func (z Zone) moments(walls []time.Time, from, to time.Time, sure bool) []time.Time {
	step := z.step(walls)
	all := make([]time.Time, len(walls))
	for i, wall := range walls {
		choice := z.readings(wall)
		if step > 0 && step <= i {
			slices.Reverse(choice)
		}
		if step > 0 && sure {
			choice = choice[:1]
		}
		for _, t := range choice {
			if all[i].IsZero() && !t.Before(from) && !t.After(to) {
				all[i] = t
			}
		}
	}
	return all
}

// step finds the first digits that were written after the clock was put back; 0
// for none.
func (z Zone) step(walls []time.Time) int {
	for i := 1; i < len(walls); i++ {
		back := walls[i-1].Sub(walls[i])
		if back > foldStep && back <= (z.summer-z.standard).Abs() && len(z.readings(walls[i])) == 2 {
			return i
		}
	}
	return 0
}

// newestFirst says in which order digits are listed, and whether that is sure: steps
// inside of the doubled hour tell nothing of it.
func (z Zone) newestFirst(walls []time.Time) (yes, sure bool) {
	balance := 0
	for i := 1; i < len(walls); i++ {
		if len(z.readings(walls[i-1])) == 1 || len(z.readings(walls[i])) == 1 {
			balance += walls[i].Compare(walls[i-1])
		}
	}
	return balance < 0, balance != 0
}
