// Command floor is the least that a program between a recorder's event stream
// and a broker can be, for measurements to compare with: it signs in once, reads
// the stream's connection as it comes, finds motion by its bytes and writes an
// MQTT packet by hand for each message. It knows one shape of the stream, knows
// no channels, remembers nothing, and ends with the first error.
//
// FLOOR_RECORDER and FLOOR_BROKER are addresses as host:port, FLOOR_USERNAME and
// FLOOR_PASSWORD the recorder's account. What it publishes is ON or OFF on
// floor/ch/<channel>/motion.
package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"

	"github.com/icholy/digest"
)

const path = "/ISAPI/Event/notification/alertStream"

func main() {
	broker, err := connect(os.Getenv("FLOOR_BROKER"))
	if err != nil {
		log.Fatal(err)
	}
	stream, err := open(os.Getenv("FLOOR_RECORDER"), os.Getenv("FLOOR_USERNAME"), os.Getenv("FLOOR_PASSWORD"))
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(pass(stream, broker))
}

// open asks for the stream, answers the challenge on the same connection and
// leaves it where the answer begins.
func open(address, username, password string) (net.Conn, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	request := "GET " + path + " HTTP/1.1\r\nHost: " + address + "\r\n"
	if _, err := io.WriteString(conn, request+"\r\n"); err != nil {
		return nil, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return nil, err
	}
	challenge, err := digest.FindChallenge(resp.Header)
	if err != nil {
		return nil, err
	}
	answer, err := digest.Digest(challenge, digest.Options{Method: "GET", URI: path, Count: 1, Username: username, Password: password})
	if err != nil {
		return nil, err
	}
	_, err = io.WriteString(conn, request+"Authorization: "+answer.String()+"\r\n\r\n")
	return conn, err
}

// connect signs in to a broker with MQTT 3.1.1, without keep-alive.
func connect(address string) (net.Conn, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	hello := "\x10\x11\x00\x04MQTT\x04\x02\x00\x00\x00\x05floor"
	if _, err := io.WriteString(conn, hello); err != nil {
		return nil, err
	}
	var ack [4]byte
	if _, err := io.ReadFull(conn, ack[:]); err != nil {
		return nil, err
	}
	if ack != [4]byte{0x20, 2, 0, 0} {
		return nil, fmt.Errorf("the broker answers % x", ack)
	}
	return conn, nil
}

var (
	end      = []byte("</EventNotificationAlert>")
	channel  = []byte("<channelID>")
	motion   = []byte("<eventType>VMD<")
	inactive = []byte("<eventState>inactive<")
)

// pass writes a packet for each message about motion, the moment it is complete.
func pass(stream io.Reader, broker io.Writer) error {
	buf, held := make([]byte, 64<<10), 0
	var packet []byte
	for {
		n, err := stream.Read(buf[held:])
		if err != nil {
			return err
		}
		rest := buf[:held+n]
		for {
			i := bytes.Index(rest, end)
			if i < 0 {
				break
			}
			if packet = publish(packet[:0], rest[:i]); len(packet) > 0 {
				if _, err := broker.Write(packet); err != nil {
					return err
				}
			}
			rest = rest[i+len(end):]
		}
		held = copy(buf, rest)
	}
}

// publish appends the packet for a message; nothing for others than motion. Its
// length is below 128, which is one byte.
func publish(packet, alert []byte) []byte {
	i := bytes.Index(alert, channel)
	if i < 0 || !bytes.Contains(alert, motion) {
		return packet
	}
	id := alert[i+len(channel):]
	id = id[:max(bytes.IndexByte(id, '<'), 0)]
	state := "ON"
	if bytes.Contains(alert, inactive) {
		state = "OFF"
	}
	topic := len("floor/ch/") + len(id) + len("/motion")
	packet = append(packet, 0x30, byte(2+topic+len(state)))
	packet = binary.BigEndian.AppendUint16(packet, uint16(topic))
	packet = append(append(append(packet, "floor/ch/"...), id...), "/motion"...)
	return append(packet, state...)
}
