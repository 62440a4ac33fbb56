package nvr_test

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"hikbridge/nvr"
)

// smallAlert is one as NVRs with version 1.0 documents write it, regionAlert one of
// a camera with a region and a target.
var (
	smallAlert = []byte("<EventNotificationAlert version=\"1.0\" xmlns=\"http://www.hikvision.com/ver20/XMLSchema\">\n<ipAddress>192.0.2.64</ipAddress>\n<portNo>80</portNo>\n" +
		"<protocolType>HTTP</protocolType>\n<macAddress>02:00:00:00:00:01</macAddress>\n<dynChannelID>16</dynChannelID>\n<dateTime>2024-01-22T11:47:05+01:00</dateTime>\n" +
		"<activePostCount>1</activePostCount>\n<eventType>VMD</eventType>\n<eventState>active</eventState>\n<eventDescription>Motion alarm</eventDescription>\n</EventNotificationAlert>\n")
	regionAlert = bytes.Replace(bytes.Replace(smallAlert, []byte("VMD"), []byte("fielddetection"), 1), []byte("</EventN"), []byte("<DetectionRegionList>\n<DetectionRegionEntry>\n"+
		"<regionID>3</regionID>\n<sensitivityLevel>50</sensitivityLevel>\n<RegionCoordinatesList>\n"+
		"<RegionCoordinates>\n<positionX>572</positionX>\n<positionY>100</positionY>\n</RegionCoordinates>\n<RegionCoordinates>\n<positionX>572</positionX>\n<positionY>995</positionY>\n</RegionCoordinates>\n"+
		"<RegionCoordinates>\n<positionX>999</positionX>\n<positionY>998</positionY>\n</RegionCoordinates>\n<RegionCoordinates>\n<positionX>992</positionX>\n<positionY>210</positionY>\n</RegionCoordinates>\n"+
		"</RegionCoordinatesList>\n<detectionTarget>human</detectionTarget>\n<TargetRect>\n<X>0.6</X>\n<Y>0.215278</Y>\n<width>0.135937</width>\n<height>0.505556</height>\n</TargetRect>\n"+
		"</DetectionRegionEntry>\n</DetectionRegionList>\n<channelName>Yard</channelName>\n<isDataRetransmission>false</isDataRetransmission>\n</EventN"), 1)
)

func BenchmarkAlert(b *testing.B) {
	for name, body := range map[string][]byte{"small": smallAlert, "with region": regionAlert} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if all, err := nvr.DecodeAlert(body); err != nil || len(all) != 1 {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkFramer reads a stream of 100 alerts, and decodes them; the time told is
// that of one.
func BenchmarkFramer(b *testing.B) {
	const alerts = 100
	for name, body := range map[string][]byte{"small": smallAlert, "with region": regionAlert} {
		part := fmt.Sprintf("--boundary\r\nContent-Type: application/xml; charset=\"UTF-8\"\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		stream := bytes.Repeat([]byte(part), alerts)
		for _, decode := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s, decoded %v", name, decode), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					f, n := nvr.NewFramer(bytes.NewReader(stream), "boundary"), 0
					for {
						_, body, err := f.Next()
						if err == io.EOF {
							break
						}
						if decode {
							if _, err := nvr.DecodeAlert(body); err != nil {
								b.Fatal(err)
							}
						}
						n++
					}
					if n != alerts {
						b.Fatalf("%d alerts", n)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/alerts, "ns/alert")
			})
		}
	}
}
