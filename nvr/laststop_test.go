package nvr_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"hikbridge/nvr"
	"hikbridge/nvr/nvrtest"
)

// entries reads "hh:mm:ss key[/channel]" separated by commas.
func entries(t *testing.T, s string) (all []nvr.LogEntry) {
	t.Helper()
	for one := range strings.SplitSeq(s, ",") {
		clock, key, ok := strings.Cut(strings.TrimSpace(one), " ")
		if !ok {
			continue
		}
		key, channel, _ := strings.Cut(key, "/")
		all = append(all, nvr.LogEntry{Time: mustTime(t, "2026-01-20T"+clock+"Z"), Minor: key, Channel: channel, Kind: nvr.LogKindOf(key)})
	}
	return all
}

func TestTheLastStopIsJudgedByTheLog(t *testing.T) {
	for _, tt := range []struct{ name, log, want, evidence string }{
		{"an orderly stop", "01:00:00 devicePowerOn, 09:00:00 remotePowerOff, 10:00:00 devicePowerOn", "clean", "remotePowerOff"},
		{"told twice", "09:00:00 remotePowerOff, 09:00:20 devicePowerOff, 10:00:00 devicePowerOn", "clean", "devicePowerOff"},
		{"a restart", "09:00:00 remotePowerRecycle, 09:01:00 devicePowerOn", "clean", "remotePowerRecycle"},
		{"by hand at the recorder", "09:00:00 localPowerOff, 09:01:00 devicePowerOn", "clean", "localPowerOff"},
		{"a stop that is noticed at the start", "10:00:00 devicePowerOn, 10:01:59 devicePowerOff", "clean", "devicePowerOff"},
		{"an abnormal stop behind the start", "09:00:00 remotePowerOff, 10:00:00 devicePowerOn, 10:00:02 stopAbnormal", "unclean", "stopAbnormal"},
		{"an abnormal stop before the start", "09:00:00 remotePowerOff, 09:58:01 stopAbnormal, 10:00:00 devicePowerOn", "unclean", "stopAbnormal"},
		{"in the same second", "09:00:00 remotePowerOff, 10:00:00 stopAbnormal, 10:00:00 devicePowerOn", "unclean", "stopAbnormal"},
		{"an abnormal stop much later", "09:00:00 remotePowerOff, 10:00:00 devicePowerOn, 11:00:00 stopAbnormal", "unclean", "stopAbnormal"},
		{"an abnormal stop behind a later stop", "09:00:00 remotePowerOff, 10:00:00 devicePowerOn, 11:00:00 remotePowerOff, 12:00:00 stopAbnormal", "unclean", "stopAbnormal"},
		{"an illegal one, whose key is a guess", "09:00:00 remotePowerOff, 10:00:00 devicePowerOn, 10:00:01 illegalShutdown", "unclean", "illegalShutdown"},
		{"abnormal as the last stop long before the start", "09:00:00 stopAbnormal, 10:00:00 devicePowerOn", "unclean", "stopAbnormal"},
		{"an abnormal stop of an earlier start", "08:00:00 devicePowerOn, 08:00:01 stopAbnormal, 09:00:00 remotePowerOff, 10:00:00 devicePowerOn", "clean", "remotePowerOff"},
		{"no start, and an abnormal stop", "10:00:00 stopAbnormal", "unclean", "stopAbnormal"},
		{"no start, and an abnormal stop before an orderly one", "10:00:00 stopAbnormal, 11:00:00 remotePowerOff", "unknown", "no start"},
		{"no start", "10:00:00 remotePowerOff", "unknown", "no start"},
		{"an empty log", "", "unknown", "no start"},
		{"no stop", "10:00:00 devicePowerOn", "unknown", "no stop before devicePowerOn"},
		{"another start in between", "08:00:00 remotePowerOff, 09:00:00 devicePowerOn, 10:00:00 devicePowerOn", "unknown", "no stop between"},
		{"a stop that may belong to the start before", "09:00:00 devicePowerOn, 09:01:30 devicePowerOff, 10:00:00 devicePowerOn", "unknown", "no stop between"},
		{"two keys of one start", "08:00:00 remotePowerOff, 09:58:30 powerOn, 10:00:00 devicePowerOn", "clean", "remotePowerOff"},
		{"a stop and no start after it", "08:00:00 remotePowerOff, 09:00:00 devicePowerOn, 10:00:00 remotePowerOff", "unknown", "no start after"},
		{"other entries don't count", "09:00:00 remotePowerOff, 09:30:00 powerOff, 09:59:00 deviceRecycle, 10:00:00 devicePowerOn, 10:00:05 illlegealAccess, 10:00:06 WDTReset", "clean", "remotePowerOff"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			log := entries(t, tt.log)
			for seed := range uint64(4) {
				got, evidence := nvr.LastStop(log)
				word := "unknown"
				if got.Known {
					word = map[bool]string{true: "clean", false: "unclean"}[got.Value]
				}
				if word != tt.want || !strings.Contains(evidence, tt.evidence) {
					t.Errorf("%s, %q", word, evidence)
				}
				rand.New(rand.NewPCG(seed, 1)).Shuffle(len(log), func(i, j int) { log[i], log[j] = log[j], log[i] })
			}
		})
	}
}

func TestErrorsWithoutRecovery(t *testing.T) {
	for _, tt := range []struct{ name, log, want string }{
		{"disk and RAID have no recovery", "10:00:00 hdError, 10:00:01 raidError, 10:05:00 ipcConnect, 10:05:00 startRec", "hdError raidError"},
		{"a camera that came back", "10:00:00 ipcDisconnect/3, 10:01:00 ipcConnect/3", ""},
		{"another camera came back", "10:00:00 ipcDisconnect/3, 10:01:00 ipcConnect/4", "ipcDisconnect/3"},
		{"lost again", "10:00:00 ipcDisconnect/3, 10:01:00 ipcConnect/3, 10:02:00 ipcDisconnect/3", "ipcDisconnect/3"},
		{"lost several times, back once", "10:00:00 ipcDisconnect/3, 10:00:10 ipcDisconnect/3, 10:01:00 ipcConnectRecovery/3", ""},
		{"in the same second", "10:00:00 ipcDisconnect/3, 10:00:00 ipcConnect/3", "ipcDisconnect/3"},
		{"no channel: one recovery is for one", "10:00:00 ipcDisconnect, 10:00:00 ipcDisconnect, 10:01:00 ipcConnect", "ipcDisconnect"},
		{"a recovery without a channel is for none", "10:00:00 ipcDisconnect/3, 10:01:00 ipcConnect", "ipcDisconnect/3"},
		{"recording again", "10:00:00 recordError/2, 10:00:00 recError/1, 10:01:00 startRec/2", "recError/1"},
		{"a camera doesn't make up for recording", "10:00:00 recordError/2, 10:01:00 ipcConnect/2", "recordError/2"},
		{"before the moment", "09:59:59 hdError, 10:00:00 hdBadBlock", "hdBadBlock"},
		{"what isn't one of these", "10:00:00 videoLost/1, 10:00:00 hdFull, 10:00:00 illlegealAccess, 10:00:00 netBroken", ""},
		{"nothing", "", ""},
	} {
		var open []string
		for _, e := range nvr.Unrecovered(entries(t, tt.log), mustTime(t, "2026-01-20T10:00:00Z")) {
			open = append(open, strings.TrimSuffix(e.Minor+"/"+e.Channel, "/"))
		}
		if got := strings.Join(open, " "); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestKeysOfTheLog(t *testing.T) {
	for key, want := range map[string]nvr.LogKind{
		"devicePowerOn": nvr.LogStart, "DEVICEPOWEROFF": nvr.LogStop, "remoteReboot": nvr.LogRestart, "stopAbnormal": nvr.LogAbnormalStop,
		"abnormalShutdown": nvr.LogAbnormalStop, "severeHDFailure": nvr.LogDiskError, "spareException": nvr.LogRAIDError, "anrRecordException": nvr.LogRecordError,
		"startRec": nvr.LogRecording, "ipcDisconnect": nvr.LogCameraLost, "ipcConnect": nvr.LogCameraBack, "localDownloadRecFile": nvr.LogExport,
		"remoteDownloadRecFile": nvr.LogDownload, "remotePlayByTime": nvr.LogPlayback, "remotelIpcUpgrade": nvr.LogUpgrade, "remoteFormatHd": nvr.LogFormat,
		"": nvr.LogOther, "hdFormatStop": nvr.LogOther, "SDCardAbnormal": nvr.LogDiskError, "illlegealAccess": nvr.LogOther, "powerOff": nvr.LogOther, "stopRec": nvr.LogOther,
	} {
		if got := nvr.LogKindOf(key); got != want {
			t.Errorf("%s is %v", key, got)
		}
	}
	words := map[string]bool{}
	for k := nvr.LogOther; k <= nvr.LogFormat; k++ {
		words[k.String()] = true
	}
	if len(words) != int(nvr.LogFormat)+1 {
		t.Errorf("%v", words)
	}
}

// A restart without a stop in the log is one by a power cut, in both orders.
func TestARestartOfTheSimulatedRecorder(t *testing.T) {
	for _, stopFirst := range []bool{false, true} {
		for _, orderly := range []bool{false, true} {
			t.Run(fmt.Sprint("stop first: ", stopFirst, ", orderly: ", orderly), func(t *testing.T) {
				asking(t, nvrtest.Config{Log: nvrtest.LogConfig{StopFirst: stopFirst}}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
					signIn(t, c)
					time.Sleep(10 * time.Minute)
					if orderly {
						r.AddLog(nvrtest.LogEntry{Major: "Operation", Minor: "remotePowerOff"})
					}
					began := time.Now()
					r.Reboot(3 * time.Minute)
					time.Sleep(10 * time.Minute)
					signIn(t, c)
					log, complete, err := c.Log(t.Context(), central(t), began.Add(-time.Minute), time.Now(), "Operation")
					clean, evidence := nvr.LastStop(log)
					if err != nil || !complete || !clean.Known || clean.Value != orderly {
						t.Errorf("%+v, %q, %v, %v", clean, evidence, complete, err)
					}
				})
			})
		}
	}
}
