package main

import (
	"strings"
	"testing"
	"time"

	"hikbridge/bridge"
)

func TestMains(t *testing.T) {
	const topic, server = "HIKBRIDGE_MAINS_TOPIC=home/mains", "HIKBRIDGE_UPS=ups@192.0.2.5"
	usual := bridge.MainsConfig{Topic: "home/mains", Present: "ON", Lost: "OFF", OnBattery: 5 * time.Minute, Deadline: 10 * time.Minute, Charge: 50, Floor: 25, Parallel: 2}
	if got := judge(t, environ(topic)).Mains; got.Topic != usual.Topic || got.Present != usual.Present || got.Lost != usual.Lost || got.OnBattery != usual.OnBattery ||
		got.Deadline != usual.Deadline || got.Charge != usual.Charge || got.Floor != usual.Floor || got.Parallel != usual.Parallel {
		t.Errorf("a topic alone: %+v", got)
	}
	got := judge(t, environ(server, "HIKBRIDGE_UPS_USERNAME=monitor", "HIKBRIDGE_UPS_PASSWORD="+secretText, "HIKBRIDGE_UPS_COMMAND=shutdown.return", "HIKBRIDGE_MAINS_ALL=true", topic,
		"HIKBRIDGE_OUTAGE_AFTER=90s", "HIKBRIDGE_OUTAGE_DEADLINE=20m", "HIKBRIDGE_OUTAGE_CHARGE=40", "HIKBRIDGE_OUTAGE_RETURN_CHARGE=60", "HIKBRIDGE_OUTAGE_PARALLEL=8")).Mains
	if got.UPS != "ups" || got.Server != "192.0.2.5" || got.Username != "monitor" || got.Password != secretText || got.Command != "shutdown.return" || !got.All ||
		got.OnBattery != 90*time.Second || got.Deadline != 20*time.Minute || got.Charge != 40 || got.Floor != 60 || got.Parallel != 8 {
		t.Errorf("all of it: %+v", got)
	}
	for _, row := range []struct {
		env  []string
		want string
	}{
		{[]string{"HIKBRIDGE_MAINS_LOST=away"}, "HIKBRIDGE_MAINS_LOST: has no effect, as nothing tells of mains"},
		{[]string{"HIKBRIDGE_OUTAGE_AFTER=90s"}, "HIKBRIDGE_OUTAGE_AFTER: has no effect, as nothing tells of mains"},
		{[]string{topic, "HIKBRIDGE_MAINS_PRESENT=off"}, "HIKBRIDGE_MAINS_LOST: is the same as HIKBRIDGE_MAINS_PRESENT"},
		{[]string{"HIKBRIDGE_MAINS_TOPIC=home/+"}, "HIKBRIDGE_MAINS_TOPIC: must not hold + or #"},
		{[]string{"HIKBRIDGE_MAINS_TOPIC=hikbridge/bridge/availability"}, "HIKBRIDGE_MAINS_TOPIC: is HIKBRIDGE_TOPIC or below it"},
		{[]string{topic, server, "HIKBRIDGE_MAINS_ALL=both"}, "HIKBRIDGE_MAINS_ALL: must be true or false"},
		{[]string{"HIKBRIDGE_UPS=192.0.2.5"}, "HIKBRIDGE_UPS: must be the UPS's name and its server, as in ups@192.0.2.5"},
		{[]string{"HIKBRIDGE_UPS=my ups@192.0.2.5"}, "HIKBRIDGE_UPS: can't be used: the UPS's name must be that in ups.conf"},
		{[]string{"HIKBRIDGE_UPS=ups@192.0.2.5:x"}, "HIKBRIDGE_UPS: can't be used: the UPS server's address must look like"},
		{[]string{server, "HIKBRIDGE_UPS_USERNAME=monitor"}, "HIKBRIDGE_UPS_USERNAME: and HIKBRIDGE_UPS_PASSWORD belong together"},
		{[]string{topic, "HIKBRIDGE_UPS_COMMAND=shutdown.return"}, "HIKBRIDGE_UPS_COMMAND: needs a UPS; set HIKBRIDGE_UPS"},
		{[]string{server, "HIKBRIDGE_UPS_USERNAME=monitor", "HIKBRIDGE_UPS_PASSWORD_FILE=/no/such"}, "HIKBRIDGE_UPS_PASSWORD_FILE: /no/such doesn't exist"},
		{[]string{server, "HIKBRIDGE_MAINS_LOST=away"}, "HIKBRIDGE_MAINS_LOST: has no effect without HIKBRIDGE_MAINS_TOPIC"},
		{[]string{server, "HIKBRIDGE_MAINS_ALL=true"}, "HIKBRIDGE_MAINS_ALL: has no effect without HIKBRIDGE_MAINS_TOPIC"},
		{[]string{topic, "HIKBRIDGE_MAINS_ALL=true"}, "HIKBRIDGE_MAINS_ALL: has no effect without HIKBRIDGE_UPS"},
		{[]string{topic, "HIKBRIDGE_OUTAGE_CHARGE=60"}, "HIKBRIDGE_OUTAGE_CHARGE: has no effect without HIKBRIDGE_UPS"},
		{[]string{server, "HIKBRIDGE_UPS_COMMAND=shutdown.return"}, "HIKBRIDGE_UPS_COMMAND: needs HIKBRIDGE_UPS_USERNAME and HIKBRIDGE_UPS_PASSWORD"},
		{[]string{server, "HIKBRIDGE_UPS_COMMAND=shutdown return"}, "HIKBRIDGE_UPS_COMMAND: must be one of the UPS's commands"},
		{[]string{server, "HIKBRIDGE_UPS_COMMAND=" + strings.Repeat("a", 129)}, "HIKBRIDGE_UPS_COMMAND: must be one of the UPS's commands"},
		{[]string{topic, "HIKBRIDGE_OUTAGE_AFTER=0s"}, "HIKBRIDGE_OUTAGE_AFTER: must be a time from 1s to 24h"},
		{[]string{topic, "HIKBRIDGE_OUTAGE_DEADLINE=25h"}, "HIKBRIDGE_OUTAGE_DEADLINE: must be a time from 1s to 24h"},
		{[]string{server, "HIKBRIDGE_OUTAGE_CHARGE=100"}, "HIKBRIDGE_OUTAGE_CHARGE: must be a whole number from 1 to 99"},
		{[]string{server, "HIKBRIDGE_OUTAGE_RETURN_CHARGE=0"}, "HIKBRIDGE_OUTAGE_RETURN_CHARGE: must be a whole number from 1 to 100"},
		{[]string{topic, "HIKBRIDGE_OUTAGE_PARALLEL=two"}, "HIKBRIDGE_OUTAGE_PARALLEL: must be a whole number from 1 to 64"},
	} {
		judge(t, environ(row.env...), row.want)
	}
}
