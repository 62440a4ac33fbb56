package nvr

import (
	"context"
	"strings"
)

// AddressMode says where a device has its address from.
type AddressMode int

const (
	AddressUnknown AddressMode = iota
	AddressFixed               // set on the device
	AddressDynamic             // from DHCP: it may change
)

func (m AddressMode) String() string {
	switch m {
	case AddressUnknown:
		return "unknown"
	case AddressFixed:
		return "fixed"
	case AddressDynamic:
		return "dynamic"
	}
	panic("nvr: unknown AddressMode")
}

// AddressMode asks for the mode of the first interface that has an IPv4 address.
func (c *Client) AddressMode(ctx context.Context) (AddressMode, error) {
	var w struct {
		Modes []struct {
			Type    string `xml:"addressingType"`
			Address string `xml:"ipAddress"`
		} `xml:"NetworkInterface>IPAddress"`
	}
	if err := c.get(ctx, "System/Network/interfaces", &w, "NetworkInterfaceList"); err != nil {
		return AddressUnknown, err
	}
	for _, m := range w.Modes {
		if a := text(m.Address); a != "" && a != "0.0.0.0" {
			return addressMode(m.Type), nil
		}
	}
	return AddressUnknown, nil
}

func addressMode(word string) AddressMode {
	switch strings.ToLower(text(word)) {
	case "static":
		return AddressFixed
	case "dynamic":
		return AddressDynamic
	}
	return AddressUnknown
}
