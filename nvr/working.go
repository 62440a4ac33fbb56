package nvr

import "context"

const (
	pathWorking = "System/workingstatus?format=json"
)

// Working is what a device tells of a channel's work.
type Working struct {
	// Number is the channel's number as told, which on hybrids isn't its id: IP
	// channels count from 33 on.
	Number    int
	Recording Maybe[bool]
	Online    Maybe[bool]
}

// Working asks for the state of all channels in one request
// (System/workingstatus; shapes of DS-7616NI V4.84 and DS-7732NI-I4(B)). Many
// devices don't have it: ErrUnsupported.
func (c *Client) Working(ctx context.Context) ([]Working, error) {
	v, err := c.getJSON(ctx, pathWorking)
	if err != nil {
		return nil, err
	}
	return working(v), nil
}

// working reads the channels wherever they stand: in WorkingStatus or not, in
// ChanStatusList or not, a list or the only one.
func working(v any) []Working {
	var all []Working
	for _, item := range list(v, "ChanStatus", maxNesting) {
		n := number(told(item, "chanNo"))
		if !n.Known || n.Value < 0 || n.Value > 1<<16 || len(all) == maxChannels {
			continue
		}
		all = append(all, Working{Number: int(n.Value),
			Recording: truth(told(item, "record")), Online: truth(told(item, "online"))})
	}
	return all
}

// told gives a member as text, empty if there is none.
func told(v any, name string) string {
	m, _ := member(v, name)
	return jsonText(m)
}
