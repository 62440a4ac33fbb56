package nvr

import (
	"context"
	"strings"
)

const (
	pathProxies       = "ContentMgmt/InputProxy/channels"
	pathProxyStatus   = "ContentMgmt/InputProxy/channels/status"
	pathInputs        = "System/Video/inputs/channels"
	maxChannels       = 256
	noVideo           = "NO VIDEO" // resDesc of an analog input without signal
	maxNameCharacters = 128
)

// Kind says where a channel's picture comes from.
type Kind int

const (
	IP    Kind = iota // a network camera behind a recorder
	Input             // an analog input of a recorder, or a lens of a camera
)

func (k Kind) String() string {
	switch k {
	case IP:
		return "ip"
	case Input:
		return "input"
	}
	panic("nvr: unknown Kind")
}

// Channel is one camera of a device. ID is unique among channels of its kind
// only: on hybrid recorders an input and an IP channel may have the same.
// Empty strings were not told (never connected cameras, old firmware).
type Channel struct {
	ID   string
	Kind Kind
	Name string
	// Lens describes the lens of a camera with several ("PTZ", "Panoramic").
	Lens                    string
	Model, Serial, Firmware string
	// Protocol is HIKVISION, ONVIF or another word of the recorder's.
	Protocol string
	// Fed says that the camera hangs on a PoE port of the recorder (connMode
	// plugplay, DS-7608NXI-I2 V4.62.210 and DS-7616NI-Q2 V4.30); not known where no
	// connMode is told.
	Fed Maybe[bool]
}

// ChannelStatus says whether a channel's camera delivers.
type ChannelStatus struct {
	ID     string
	Kind   Kind
	Online Maybe[bool]
	// Reason is chanDetectResult as it came, "NO VIDEO" for an analog input
	// without signal, or empty.
	Reason string
}

// Proxies lists the IP channels that are configured. Cameras, which have none,
// answer ErrUnsupported; a hybrid recorder may have an empty list.
func (c *Client) Proxies(ctx context.Context) ([]Channel, error) {
	var w struct {
		Channels []struct {
			ID     string `xml:"id"`
			Name   string `xml:"name"`
			Source struct {
				Protocol string `xml:"proxyProtocol"`
				ConnMode string `xml:"connMode"`
				Model    string `xml:"model"`
				Serial   string `xml:"serialNumber"`
				Firmware string `xml:"firmwareVersion"`
			} `xml:"sourceInputPortDescriptor"`
		} `xml:"InputProxyChannel"`
	}
	if err := c.get(ctx, pathProxies, &w, "InputProxyChannelList"); err != nil {
		return nil, err
	}
	var channels []Channel
	for _, p := range w.Channels {
		channels = append(channels, Channel{
			ID: text(p.ID), Kind: IP, Name: name(p.Name),
			Model: text(p.Source.Model), Serial: text(p.Source.Serial), Firmware: text(p.Source.Firmware),
			Protocol: text(p.Source.Protocol), Fed: fed(text(p.Source.ConnMode)),
		})
	}
	return unique(channels), nil
}

func fed(connMode string) Maybe[bool] {
	switch strings.ToLower(connMode) {
	case "plugplay":
		return known(true)
	case "manual":
		return known(false)
	}
	return Maybe[bool]{}
}

// input is one VideoInputChannel.
type input struct {
	ID          string `xml:"id"`
	Name        string `xml:"name"`
	Description string `xml:"channelDescription"`
	Enabled     string `xml:"videoInputEnabled"`
	Resolution  string `xml:"resDesc"`
}

// Inputs lists the analog inputs of a recorder or the lenses of a camera, with
// their state, in one request. Recorders without inputs answer ErrUnsupported.
func (c *Client) Inputs(ctx context.Context) ([]Channel, []ChannelStatus, error) {
	var w struct {
		Channels []input `xml:"VideoInputChannel"`
	}
	if err := c.get(ctx, pathInputs, &w, "VideoInputChannelList"); err != nil {
		return nil, nil, err
	}
	var channels []Channel
	var status []ChannelStatus
	for _, in := range w.Channels[:min(len(w.Channels), maxChannels)] {
		channels = append(channels, in.channel())
		status = append(status, in.status())
	}
	return unique(channels), status, nil
}

func (w input) channel() Channel {
	return Channel{ID: text(w.ID), Kind: Input, Name: name(w.Name), Lens: text(w.Description)}
}

// status of an analog input: resDesc says "NO VIDEO" or the resolution (DVR
// iDS-7208HQHI-M1 V4.75). Cameras have no resDesc: not known.
func (w input) status() ChannelStatus {
	s := ChannelStatus{ID: text(w.ID), Kind: Input}
	switch resolution := text(w.Resolution); {
	case strings.EqualFold(resolution, noVideo):
		s.Online, s.Reason = known(false), noVideo
	case resolution != "":
		s.Online = known(true)
	}
	return s
}

// ProxyStatus asks for the state of all IP channels in one request.
func (c *Client) ProxyStatus(ctx context.Context) ([]ChannelStatus, error) {
	var w struct {
		Channels []struct {
			ID     string `xml:"id"`
			Online string `xml:"online"`
			Result string `xml:"chanDetectResult"`
		} `xml:"InputProxyChannelStatus"`
	}
	if err := c.get(ctx, pathProxyStatus, &w, "InputProxyChannelStatusList"); err != nil {
		return nil, err
	}
	var status []ChannelStatus
	for _, s := range w.Channels {
		status = append(status, ChannelStatus{ID: text(s.ID), Kind: IP, Online: truth(s.Online), Reason: text(s.Result)})
	}
	return status[:min(len(status), maxChannels)], nil
}

// unique drops what can't be addressed: channels without id, and repeated ones.
func unique(channels []Channel) []Channel {
	seen := map[string]bool{}
	var out []Channel
	for _, ch := range channels {
		if ch.ID == "" || seen[ch.ID] || len(out) == maxChannels {
			continue
		}
		seen[ch.ID] = true
		out = append(out, ch)
	}
	return out
}

// name bounds what an owner called a thing.
func name(s string) string {
	r := []rune(strings.Join(strings.Fields(s), " "))
	return string(r[:min(len(r), maxNameCharacters)])
}
