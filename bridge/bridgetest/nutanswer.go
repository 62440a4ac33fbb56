package bridgetest

import (
	"bufio"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"time"
)

// nutPeer is one connection to a NUT server.
type nutPeer struct {
	server         *NUT
	conn           net.Conn
	number         int
	user, password string
	tracked        bool
}

// nutResult is what came of a command, told from a moment on.
type nutResult struct {
	id   string
	from time.Time
	text string
}

func (p *nutPeer) serve() {
	defer p.leave()
	in := bufio.NewReaderSize(p.conn, 2048)
	for {
		line, err := in.ReadSlice('\n')
		if err != nil || !p.answer(strings.TrimRight(string(line), "\r\n")) {
			return
		}
	}
}

func (p *nutPeer) leave() {
	_ = p.conn.Close()
	p.server.mu.Lock()
	defer p.server.mu.Unlock()
	delete(p.server.conns, p.conn)
}

// answer takes a request, and says whether the connection goes on.
func (p *nutPeer) answer(line string) bool {
	n := p.server
	n.mu.Lock()
	n.requests = remember(n.requests, NUTRequest{time.Now(), p.number, line})
	fault, late := n.fault, n.late
	if !strings.HasPrefix(line, n.faultOn) {
		fault = NUTHealthy
	}
	n.mu.Unlock()
	words, ok := nutWords(line)
	if !ok {
		return true // upsd 2.8.0 says nothing to what it can't read
	}
	text := fault.refusal(words[0])
	if text == "" {
		text = p.reply(words)
	}
	if late > 0 {
		select {
		case <-time.After(late):
		case <-n.ctx.Done():
			return false
		}
	}
	return fault.write(p.conn, text+"\n") && words[0] != "LOGOUT"
}

// reply is upsd's answer, without its last line break.
func (p *nutPeer) reply(words []string) string {
	switch words[0] {
	case "GET":
		return p.get(words[1:])
	case "LIST":
		return p.server.list(words[1:])
	case "USERNAME":
		return set(&p.user, "USERNAME", words[1:])
	case "PASSWORD":
		return set(&p.password, "PASSWORD", words[1:])
	case "SET":
		return p.set(words[1:])
	case "INSTCMD":
		return p.instcmd(words[1:])
	case "LOGOUT":
		return "OK Goodbye"
	case "VER":
		return "Network UPS Tools upsd 2.8.0 - simulated"
	}
	return "ERR UNKNOWN-COMMAND"
}

func set(to *string, name string, words []string) string {
	switch {
	case len(words) != 1:
		return "ERR INVALID-ARGUMENT"
	case *to != "":
		return "ERR ALREADY-SET-" + name
	}
	*to = words[0]
	return "OK"
}

func (p *nutPeer) get(words []string) string {
	n := p.server
	switch {
	case len(words) == 2 && words[0] == "TRACKING" && !n.config.Old:
		return n.result(words[1])
	case len(words) != 3 || words[0] != "VAR":
		return "ERR INVALID-ARGUMENT"
	case !n.knows(words[1]):
		return "ERR UNKNOWN-UPS"
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	value, ok := n.variables[words[2]]
	if !ok {
		return "ERR VAR-NOT-SUPPORTED"
	}
	return nutVariable(words[1], words[2], value)
}

func nutVariable(ups, name, value string) string {
	return fmt.Sprintf(`VAR %s %s "%s"`, ups, name, strings.NewReplacer(`\`, `\\`, `"`, `\"`, `#`, `\#`).Replace(value))
}

func (n *NUT) knows(ups string) bool { return strings.EqualFold(ups, n.config.UPS) }

func (n *NUT) list(words []string) string {
	var lines []string
	switch {
	case len(words) == 1 && words[0] == "UPS":
		lines = []string{fmt.Sprintf(`UPS %s "simulated"`, n.config.UPS)}
	case len(words) != 2 || words[0] != "VAR" && words[0] != "CMD":
		return "ERR INVALID-ARGUMENT"
	case !n.knows(words[1]):
		return "ERR UNKNOWN-UPS"
	case words[0] == "CMD":
		for _, c := range n.config.Commands {
			lines = append(lines, "CMD "+words[1]+" "+c)
		}
	default:
		n.mu.Lock()
		defer n.mu.Unlock()
		for _, name := range slices.Sorted(maps.Keys(n.variables)) {
			lines = append(lines, nutVariable(words[1], name, n.variables[name]))
		}
	}
	what := " LIST " + strings.Join(words, " ")
	return strings.Join(slices.Concat([]string{"BEGIN" + what}, lines, []string{"END" + what}), "\n")
}

// loginMissing is the refusal of what takes a login.
func (p *nutPeer) loginMissing() string {
	switch {
	case p.user == "":
		return "ERR USERNAME-REQUIRED"
	case p.password == "":
		return "ERR PASSWORD-REQUIRED"
	}
	return ""
}

func (p *nutPeer) set(words []string) string {
	switch missing := p.loginMissing(); {
	case missing != "":
		return missing
	case p.server.config.Old || len(words) != 2 || words[0] != "TRACKING" || words[1] != "ON" && words[1] != "OFF":
		return "ERR INVALID-ARGUMENT"
	}
	p.tracked = words[1] == "ON"
	return "OK"
}

// instcmd looks at things in the order of upsd 2.8.0.
func (p *nutPeer) instcmd(words []string) string {
	n := p.server
	c := NUTCommand{At: time.Now(), User: p.user}
	if len(words) > 1 {
		c.Command = words[1]
	}
	if len(words) > 2 {
		c.Argument = words[2]
	}
	refusal := p.loginMissing()
	switch {
	case refusal != "":
	case len(words) < 2:
		refusal = "ERR INVALID-ARGUMENT"
	case !n.knows(words[0]):
		refusal = "ERR UNKNOWN-UPS"
	case !slices.Contains(n.config.Commands, c.Command):
		refusal = "ERR CMD-NOT-SUPPORTED"
	case p.user != n.config.User || p.password != n.config.Password:
		refusal = "ERR ACCESS-DENIED"
	}
	c.Taken = refusal == ""
	n.mu.Lock()
	n.commands = remember(n.commands, c)
	n.mu.Unlock()
	if !c.Taken {
		return refusal
	}
	id := n.carryOut(c)
	if p.tracked {
		return "OK TRACKING " + id
	}
	return "OK"
}

// carryOut gives a command to the UPS, and returns by what its result is asked for.
func (n *NUT) carryOut(c NUTCommand) string {
	n.acting.Lock()
	defer n.acting.Unlock()
	text := "SUCCESS"
	if n.config.OnCommand != nil {
		if failure := n.config.OnCommand(c.Command, c.Argument); failure != "" {
			text = "ERR " + failure
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.given++
	r := nutResult{fmt.Sprintf("00000000-0000-4000-8000-%012d", n.given), time.Now().Add(n.pending), text}
	n.results = remember(n.results, r)
	return r.id
}

// result is what tracking says of a command; of one that it doesn't know, as upsd does.
func (n *NUT) result(id string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	i := slices.IndexFunc(n.results, func(r nutResult) bool { return r.id == id })
	switch {
	case i < 0:
		return "ERR UNKNOWN"
	case time.Now().Before(n.results[i].from):
		return "PENDING"
	}
	return n.results[i].text
}

// nutWords reads a request as upsd 2.8.0 does. It can't read a quote that isn't closed,
// and a # in quotes without a backslash before it.
func nutWords(line string) ([]string, bool) {
	var words []string
	var word []byte
	begun, quoted, escaped := false, false, false
	for _, c := range []byte(line) {
		switch {
		case escaped:
			word, escaped = append(word, c), false
		case c == '\\':
			begun, escaped = true, true
		case c == '"':
			begun, quoted = true, !quoted
		case c == '#' && quoted:
			return nil, false
		case (c == ' ' || c == '\t') && !quoted:
			if begun {
				words, word, begun = append(words, string(word)), nil, false
			}
		default:
			word, begun = append(word, c), true
		}
	}
	if begun {
		words = append(words, string(word))
	}
	if len(words) == 0 {
		words = []string{""}
	}
	return words, !quoted && !escaped
}
