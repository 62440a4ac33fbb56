package nvr

import "context"

// queue is who waits in front of everybody else; under Client.mu.
type queue struct {
	waiting int
	empty   chan struct{} // closed when nobody waits in front any more
}

// takeTurn waits for the right to send a request, and says whether it has it; the
// end of ctx is the reason why not. While one waits in front, nobody else begins.
func (c *Client) takeTurn(ctx context.Context, front bool) bool {
	if front {
		c.goInFront()
		defer c.leaveFront()
	}
	for {
		select {
		case c.turn <- struct{}{}:
		case <-ctx.Done():
			return false
		}
		empty := c.inFront()
		if front || empty == nil {
			return true
		}
		c.giveTurn()
		select {
		case <-empty:
		case <-ctx.Done():
			return false
		}
	}
}

func (c *Client) giveTurn() { <-c.turn }

// inFront gives what is closed when nobody waits in front, nil if nobody does.
func (c *Client) inFront() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.front.empty
}

func (c *Client) goInFront() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.front.waiting++; c.front.waiting == 1 {
		c.front.empty = make(chan struct{})
	}
}

func (c *Client) leaveFront() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.front.waiting--; c.front.waiting == 0 {
		close(c.front.empty)
		c.front.empty = nil
	}
}
