// Package bridgetest is a simulated world around the bridge, for tests and for
// the demo: what stands beside recorders (nvr/nvrtest) and broker.
//
// # Plugs
//
// A Plug is an MQTT client that behaves like a Tasmota, a second-generation Shelly
// or a device behind zigbee2mqtt. It connects by a function as that of
// mqtttest.Broker or net.Dialer, and works inside a testing/synctest bubble, where
// it must then be made as well: all its waiting is durable there.
//
//	p := bridgetest.NewPlug(broker.Dial, bridgetest.PlugConfig{
//		Preset: bridgetest.Tasmota, Topic: "garage_plug",
//		Meter: true, Load: func() float64 { … }, OnSwitch: func(on bool) { … },
//	})
//	defer p.Close()
//
// What arrives is what counts: Offs and Ons are the commands that got to the plug,
// with their times and whether they came retained (none may). Powered is whether
// its outlet has power.
//
// # How it lies
//
// Cached repeats an old figure while times and counters go on, FalseZero measures
// nothing, MuteReadings keeps figures to itself, StuckRelay says off and stays on,
// Late obeys later, ReportLate tells later what was so, Away is off the network,
// Restart and Mains let it boot, with its power-on default. A device behind
// zigbee2mqtt repeats its remembered power with every report: ReportOther makes
// one of another attribute.
//
// # UPSes
//
// A NUT is a NUT server (upsd) with one UPS, in memory by Dial or on a port by Serve,
// that answers as version 2.8.0 of upsd does.
//
//	n := bridgetest.NewNUT(bridgetest.NUTConfig{User: "bridge", Password: "…", OnCommand: func(command, argument string) string { … }})
//	defer n.Close()
//	n.Status("OB DISCHRG")
//	n.Fault(bridgetest.NUTStale, "")
//
// OnCommand is where a UPS of a test cuts its load. The faults are those of network,
// server, driver and of what isn't a NUT server; they may be bound to one kind of
// request. Requests and Commands are what arrived.
//
// All methods may be called from any goroutine, but not from OnSwitch, Load or
// OnCommand.
package bridgetest
