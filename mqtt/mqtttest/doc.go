// Package mqtttest is an MQTT 3.1.1 broker in memory, for tests of programs that talk to one.
//
// The broker speaks the real protocol over any [net.Conn], so a test runs the shipped client and sees what went over the
// wire. Its own connections ([Broker.Dial]) need no port and work inside a testing/synctest bubble: everything that waits
// there waits durably, so virtual time passes. [Broker.Serve] takes real listeners.
//
//	broker := mqtttest.New()
//	defer broker.Close()
//	// give broker.Dial to the client, then
//	err := broker.Wait(ctx, func() bool { _, ok := broker.Retained("a/b"); return ok })
//
// # What it does
//
// CONNECT with the check of one user and password ([Broker.Login]), the will on a connection that ends without DISCONNECT,
// take-over of a client id that connects again, retained messages, subscriptions with + and #, QoS 0 and 1 in both
// directions, PINGREQ. Every session is clean: nothing outlives its connection, nothing is sent twice. QoS 2 closes the
// connection, keep-alive isn't enforced.
//
// # What it shows
//
// [Broker.Log] is the transcript of all packets in both directions. [Broker.Retained], [Broker.Topics] and
// [Broker.Clients] show the broker's state. [Broker.Wait] waits for a condition on any of them.
//
// # What it breaks
//
// Faults are switched on and off while clients are connected:
//
//   - [Broker.Cut] closes connections without a word, [Broker.Down] also refuses new ones until [Broker.Up];
//     [Broker.Forget] loses the retained messages, as a broker without persistence does.
//   - [Broker.Freeze] stops reading and answering while connections are still accepted, until [Broker.Thaw].
//   - [Broker.SlowReader] waits before each packet that it reads; together with the bounded buffer of a connection it
//     makes writers wait.
//   - [Broker.HoldAcks] takes PUBLISH packets without acknowledging them.
//   - [Broker.Refuse] answers each CONNECT with a return code, [Broker.RefuseSubscription] a filter with 0x80.
//   - [Broker.MaxPacket] closes the connection on a larger packet, [Broker.CloseOn] on a publish to a topic.
//
// All methods may be called from any goroutine.
package mqtttest
