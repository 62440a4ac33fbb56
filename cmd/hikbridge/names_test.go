package main

import (
	"fmt"
	"strings"
	"testing"
)

// named is an environment with these names, and all that they need.
func named(names ...string) []string {
	list := []string{"HOME=/nonexistent/home", "HIKBRIDGE_MQTT_URL=mqtt://192.0.2.5", "HIKBRIDGE_NVRS=" + strings.Join(names, ",")}
	for i, name := range names {
		p := prefixOf(strings.TrimSpace(name))
		list = append(list, fmt.Sprintf("%sURL=http://192.0.2.%d", p, i+1), p+"USERNAME=u", p+"PASSWORD="+secretText)
	}
	return list
}

func TestNames(t *testing.T) {
	const notAName = "HIKBRIDGE_NVRS: name 1 isn't one"
	for _, tt := range []struct {
		name  string
		names []string
		want  []string
	}{
		{"one name is a list, too", []string{"garage"}, nil},
		{"digits and - are fine behind the first letter", []string{"a-1", "b2-"}, nil},
		{"32 characters are fine", []string{"a" + strings.Repeat("b", 31)}, nil},
		{"33 aren't", []string{"a" + strings.Repeat("b", 32)}, []string{notAName}},
		{"a capital letter is refused, and its variables aren't called unknown", []string{"Garage"}, []string{notAName}},
		{"a number is refused", []string{"1"}, []string{notAName}},
		{"an underscore is refused", []string{"back_yard"}, []string{notAName}},
		{"what isn't a name isn't shown", []string{secretText}, []string{notAName}},
		{"names of the bridge's own topics are refused", []string{"bridge", "command", "site", "plug"}, []string{
			"HIKBRIDGE_NVRS: bridge can't be", "HIKBRIDGE_NVRS: command can't be", "HIKBRIDGE_NVRS: site can't be", "HIKBRIDGE_NVRS: plug can't be"}},
		{"the name of a single recorder is fine", []string{"nvr", "b"}, nil},
		{"one twice is refused", []string{"a", "b", "a"}, []string{"HIKBRIDGE_NVRS: names a twice"}},
		{"an empty name is refused", []string{"a", "", "b"}, []string{"HIKBRIDGE_NVRS: name 2 isn't one"}},
		{"a name that ends like a variable of another one is refused", []string{"a", "a-url"},
			[]string{"HIKBRIDGE_NVRS: the names a and a-url can't be told apart in variables: HIKBRIDGE_NVR_A_URL would be"}},
		{"in any order", []string{"a-password-file", "a"},
			[]string{"HIKBRIDGE_NVRS: the names a and a-password-file can't be told apart in variables: HIKBRIDGE_NVR_A_PASSWORD_FILE would be"}},
		{"and if it is only the beginning of one", []string{"a", "a-tls"},
			[]string{"HIKBRIDGE_NVRS: the names a and a-tls can't be told apart in variables: HIKBRIDGE_NVR_A_TLS would be"}},
		{"a variable may have words between", []string{"a", "a-plug"},
			[]string{"HIKBRIDGE_NVRS: the names a and a-plug can't be told apart in variables: HIKBRIDGE_NVR_A_PLUG would be"}},
		{"a name that only begins with another one is fine", []string{"a", "a-b", "ab", "a-urls"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			judge(t, named(tt.names...), tt.want...)
		})
	}
}

func TestTheTwoFormsExcludeEachOther(t *testing.T) {
	judge(t, several("HIKBRIDGE_NVR_URL=http://192.0.2.1", "HIKBRIDGE_NVR_PASSWORD="+secretText),
		"HIKBRIDGE_NVRS: contradicts HIKBRIDGE_NVR_URL, HIKBRIDGE_NVR_PASSWORD; for one recorder remove HIKBRIDGE_NVRS, "+
			"for several write their names into the others, as in HIKBRIDGE_NVR_GARAGE_URL")
	judge(t, append(several(), "HIKBRIDGE_NVR_URL=", "HIKBRIDGE_NVR_TLS= "))
	judge(t, append(environ(), "HIKBRIDGE_NVRS= "))
}

func TestQuotesAroundNamesAreSaidOnce(t *testing.T) {
	judge(t, append(several(), `HIKBRIDGE_NVRS="garage,back-yard"`), "HIKBRIDGE_NVRS: begins or ends with a quote")
}

func TestUnknownNames(t *testing.T) {
	one, more := environ, several
	for _, tt := range []struct {
		name    string
		form    func(...string) []string
		unknown string
		want    string
	}{
		{"a letter is missing", one, "HIKBRIDGE_NVR_USERNME", "isn't known; did you mean HIKBRIDGE_NVR_USERNAME?"},
		{"two letters are swapped", one, "HIKBRIDGE_MTQT_PASSWORD", "isn't known; did you mean HIKBRIDGE_MQTT_PASSWORD?"},
		{"only the beginning is written", one, "HIKBRIDGE_MQTT_USER", "isn't known; did you mean HIKBRIDGE_MQTT_USERNAME?"},
		{"small letters", one, "HIKBRIDGE_log_level", "isn't known; did you mean HIKBRIDGE_LOG_LEVEL?"},
		{"another word", one, "HIKBRIDGE_MQTT_HOST", "isn't known; did you mean HIKBRIDGE_MQTT_URL?"},
		{"nothing like it", one, "HIKBRIDGE_COLOUR_OF_THE_SKY", "isn't known; hikbridge help lists the variables"},
		{"nothing at all", one, "HIKBRIDGE_", "isn't known; hikbridge help lists the variables"},
		{"a number", one, "HIKBRIDGE_NVR_0_URL", "isn't known; recorders have names that begin with a letter: HIKBRIDGE_NVRS=garage, then HIKBRIDGE_NVR_GARAGE_URL"},
		{"a recorder without the list", one, "HIKBRIDGE_NVR_GARAGE_PASSWORD_FILE", "belongs to no recorder; add garage to HIKBRIDGE_NVRS, or remove this"},
		{"a recorder that isn't in the list", more, "HIKBRIDGE_NVR_ATTIC_URL", "belongs to no recorder; add attic to HIKBRIDGE_NVRS, or remove this"},
		{"a mistyped recorder", more, "HIKBRIDGE_NVR_GARGE_URL",
			"isn't known; did you mean HIKBRIDGE_NVR_GARAGE_URL? For another recorder add garge to HIKBRIDGE_NVRS"},
		{"a mistyped variable of a recorder", more, "HIKBRIDGE_NVR_BACK_YARD_CHANELS", "isn't known; did you mean HIKBRIDGE_NVR_BACK_YARD_CHANNELS?"},
		{"a word of the plug's that isn't one", one, "HIKBRIDGE_NVR_PLUG_WITNESS", "isn't known; did you mean HIKBRIDGE_NVR_"},
		{"a mistyped variable of a plug", more, "HIKBRIDGE_NVR_GARAGE_PLUG_STATE_TOPICS", "isn't known; did you mean HIKBRIDGE_NVR_GARAGE_PLUG_STATE_TOPIC?"},
		{"a plug of a recorder that isn't in the list", more, "HIKBRIDGE_NVR_ATTIC_PLUG_COMMAND_TOPIC", "belongs to no recorder; add attic to HIKBRIDGE_NVRS"},
		{"a variable that no form has", more, "HIKBRIDGE_NVR_ULR", "isn't known; "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			judge(t, tt.form(tt.unknown+"="+secretText), tt.unknown+": "+tt.want)
		})
	}
}

func TestSuggestionsKeepToTheFormThatIsUsed(t *testing.T) {
	_, problems := readSettings(several("HIKBRIDGE_NVR_ULR=x"))
	if len(problems) != 1 || strings.Contains(problems[0].Text, "HIKBRIDGE_NVR_URL?") {
		t.Errorf("got %v", problems)
	}
}

func TestAnUnknownNameThatIsSetToNothingIsUnknownToo(t *testing.T) {
	judge(t, append(environ(), "HIKBRIDGE_TOPICS="), "HIKBRIDGE_TOPICS: isn't known; did you mean HIKBRIDGE_TOPIC?")
}

func TestNamesThatKubernetesMakesAreIgnored(t *testing.T) {
	judge(t, environ("HIKBRIDGE_PORT=tcp://10.0.0.1:80", "HIKBRIDGE_PORT_80_TCP_ADDR=10.0.0.1", "HIKBRIDGE_SERVICE_HOST=10.0.0.1",
		"HIKBRIDGE_SERVICE_PORT_HTTP=80", "OTHER_HIKBRIDGE_X=1", "hikbridge_x=1"))
	judge(t, environ("HIKBRIDGE_SERVICES=1"), "HIKBRIDGE_SERVICES: isn't known")
}

func TestOfAPastedLineOnlyTheNameIsShown(t *testing.T) {
	judge(t, environ("HIKBRIDGE_NVR_URL: http://u:"+secretText+"@192.0.2.10/?a=1"),
		"HIKBRIDGE_NVR_URL…: isn't a name of a variable")
	judge(t, environ("HIKBRIDGE_"+strings.Repeat("A", 1000)+"=1"), "HIKBRIDGE_"+strings.Repeat("A", 54)+"…: isn't a name of a variable")
}

func TestEditDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0}, {"abc", "abd", 1}, {"abc", "acb", 1},
		{"abcd", "acd", 1}, {"kitten", "sitting", 3}, {"ab", "ba", 1}, {"abc", "ca", 3},
	} {
		if got := editDistance(tt.a, tt.b); got != tt.want {
			t.Errorf("%q to %q: %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}

func TestMoreRecordersThanOneBridgeTakesAreRefused(t *testing.T) {
	names := make([]string, maxRecorders+1)
	for i := range names {
		names[i] = fmt.Sprintf("n%d", i)
	}
	_, problems := readSettings([]string{"HIKBRIDGE_NVRS=" + strings.Join(names, ",")})
	if len(problems) == 0 || !strings.Contains(problems[0].Error(), "HIKBRIDGE_NVRS: names more than 256 recorders") {
		t.Errorf("got %v", problems[:min(len(problems), 3)])
	}
}
