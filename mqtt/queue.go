package mqtt

// queue is first in, first out. The zero value is empty. It gives its memory back when it runs empty.
type queue[T any] struct {
	items []T
	head  int
}

func (q *queue[T]) len() int { return len(q.items) - q.head }

func (q *queue[T]) push(v T) {
	if q.head > 1024 && q.head > len(q.items)/2 {
		q.keep(func(T) bool { return true })
	}
	q.items = append(q.items, v)
}

// peek returns the oldest value; the queue must not be empty.
func (q *queue[T]) peek() T { return q.items[q.head] }

func (q *queue[T]) pop() T {
	var zero T
	v := q.items[q.head]
	q.items[q.head] = zero
	q.head++
	if q.head == len(q.items) {
		*q = queue[T]{}
	}
	return v
}

// keep drops what ok doesn't want; order stays.
func (q *queue[T]) keep(ok func(T) bool) {
	kept := q.items[:0]
	for _, v := range q.items[q.head:] {
		if ok(v) {
			kept = append(kept, v)
		}
	}
	clear(q.items[len(kept):])
	q.items, q.head = kept, 0
}
