package nvrtest_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/nvr/nvrtest"
)

func TestSignIn(t *testing.T) {
	for _, algorithm := range []string{"MD5", "SHA-256", "both"} {
		for _, model := range []nvrtest.Model{nvrtest.NVR, nvrtest.Camera} {
			t.Run(fmt.Sprint(algorithm, " ", model), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r, c := newRecorder(t, nvrtest.Config{Model: model, Algorithm: algorithm})
					c.get(info).want(t, 200)
					if n := r.Rejected(); n != 0 {
						t.Errorf("%d rejections", n)
					}
				})
			})
		}
	}
}

func TestBothAlgorithmsAreTwoLinesAndEachWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := newRecorder(t, nvrtest.Config{Algorithm: "both"})
		first := c.send("GET", info, "")
		if n := len(first.header.Values("WWW-Authenticate")); n != 2 {
			t.Fatalf("%d challenges, want 2", n)
		}
		for i, want := range []string{"SHA-256", "MD5"} {
			ch := challengeOf(first, i)
			if ch.algorithm != want {
				t.Errorf("challenge %d is for %q, want %q", i, ch.algorithm, want)
			}
			c.use(ch, info, i+1).want(t, 200)
		}
	})
}

func TestChallengeHasTheFormOfTheModel(t *testing.T) {
	for _, tt := range []struct {
		model   nvrtest.Model
		has     []string
		without string
	}{
		{nvrtest.NVR, []string{`domain="::"`, `opaque=""`, `algorithm="MD5"`, `stale="FALSE"`, `qop="auth"`}, "TRUE"},
		{nvrtest.Camera, []string{`realm="IP Camera(`, `stale="FALSE"`, `qop="auth"`}, "algorithm"},
	} {
		synctest.Test(t, func(t *testing.T) {
			_, c := newRecorder(t, nvrtest.Config{Model: tt.model})
			line := c.send("GET", info, "").header.Get("WWW-Authenticate")
			for _, h := range tt.has {
				if !strings.Contains(line, h) {
					t.Errorf("%v: %s lacks %s", tt.model, line, h)
				}
			}
			if strings.Contains(line, tt.without) {
				t.Errorf("%v: %s has %s", tt.model, line, tt.without)
			}
		})
	}
}

// What is rejected, and what of it counts.
func TestRejections(t *testing.T) {
	for _, tt := range []struct {
		name    string
		spoil   func(*digest)
		counted int
	}{
		{"a wrong password counts", func(d *digest) { d.password = "wrong" }, 1},
		{"an unknown user counts", func(d *digest) { d.user = "nobody" }, 1},
		{"another uri than the request's counts", func(d *digest) { d.uri = "/ISAPI/System/time" }, 1},
		{"another method than the request's counts", func(d *digest) { d.method = "PUT" }, 1},
		{"another realm counts", func(d *digest) { d.realm = "elsewhere" }, 1},
		{"an unknown nonce doesn't count", func(d *digest) { d.nonce = "00112233" }, 0},
		{"an algorithm that isn't offered doesn't count", func(d *digest) { d.algorithm = "SHA-256" }, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, c := newRecorder(t, nvrtest.Config{})
				d := c.digest(c.challenge(info), info, 1)
				tt.spoil(&d)
				c.send("GET", info, d.header()).want(t, 401)
				if n := len(r.Counted()); n != tt.counted {
					t.Errorf("%d counted, want %d", n, tt.counted)
				}
				if r.Rejected() != 1 {
					t.Errorf("%d rejected, want 1", r.Rejected())
				}
			})
		})
	}
}

func TestMalformedCredentialsAreRejected(t *testing.T) {
	for _, header := range []string{
		"Basic YWRtaW46TWFkZS11cC0x",
		"Digest",
		"Digest username",
		`Digest username="admin`,
		"Bearer abc",
	} {
		synctest.Test(t, func(t *testing.T) {
			r, c := newRecorder(t, nvrtest.Config{})
			c.send("GET", info, header).want(t, 401)
			if len(r.Counted()) != 0 || r.Rejected() != 1 {
				t.Errorf("%q: %d counted, %d rejected", header, len(r.Counted()), r.Rejected())
			}
			if q := r.Requests()[0]; !q.Credentials || q.Scheme != strings.Fields(header)[0] {
				t.Errorf("%q: seen as %+v", header, q)
			}
		})
	}
}

func TestQueryIsPartOfTheDigestUri(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := newRecorder(t, nvrtest.Config{})
		ch := c.challenge(info)
		c.use(ch, info+"?format=json", 1).want(t, 200).says(t, "<DeviceInfo")
		c.send("GET", info+"?format=json", c.digest(ch, info, 2).header()).want(t, 401)
	})
}

func TestNonces(t *testing.T) {
	const status = "/ISAPI/System/status"
	type step struct {
		wait time.Duration
		path string
		nc   int
		want int
	}
	for _, tt := range []struct {
		name   string
		config nvrtest.Config
		steps  []step
	}{
		{"unlimited, nc needn't grow", nvrtest.Config{}, []step{{0, info, 1, 200}, {time.Hour, status, 1, 200}, {0, info, 1, 200}}},
		{"good for one use", nvrtest.Config{NonceUses: 1}, []step{{0, info, 1, 200}, {0, info, 2, 401}}},
		{"good for three uses", nvrtest.Config{NonceUses: 3}, []step{{0, info, 1, 200}, {0, info, 2, 200}, {0, info, 3, 200}, {0, info, 4, 401}}},
		{"good for a minute", nvrtest.Config{NonceLife: time.Minute}, []step{{59 * time.Second, info, 1, 200}, {time.Second, info, 2, 401}}},
		{"bound to a path", nvrtest.Config{NonceBoundToPath: true}, []step{{0, info, 1, 200}, {0, status, 2, 401}, {0, info, 3, 200}}},
		{"nc must grow", nvrtest.Config{StrictNC: true}, []step{{0, info, 2, 200}, {0, info, 2, 401}, {0, info, 1, 401}, {0, info, 3, 200}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, c := newRecorder(t, tt.config)
				ch := c.challenge(info)
				for i, s := range tt.steps {
					time.Sleep(s.wait)
					if got := c.use(ch, s.path, s.nc); got.status != s.want {
						t.Errorf("step %d: %d, want %d", i, got.status, s.want)
					}
				}
				if n := len(r.Counted()); n != 0 {
					t.Errorf("%d counted", n)
				}
			})
		})
	}
}

func TestStaleAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, plain := newRecorder(t, nvrtest.Config{NonceUses: 1})
		ch := plain.challenge(info)
		plain.use(ch, info, 1).want(t, 200)
		got := plain.use(ch, info, 2).want(t, 401).says(t, "<subStatusCode>invalidOperation<")
		if line := got.header.Get("WWW-Authenticate"); !strings.Contains(line, `stale="FALSE"`) || param(line, "nonce") == ch.nonce {
			t.Errorf("challenge %s", line)
		}

		_, telling := newRecorder(t, nvrtest.Config{NonceUses: 1, TellStale: true})
		ch = telling.challenge(info)
		telling.use(ch, info, 1).want(t, 200)
		if line := telling.use(ch, info, 2).header.Get("WWW-Authenticate"); !strings.Contains(line, `stale="TRUE"`) {
			t.Errorf("challenge %s", line)
		}

		_, mute := newRecorder(t, nvrtest.Config{NonceUses: 1, StaleWithoutChallenge: true})
		ch = mute.challenge(info)
		mute.use(ch, info, 1).want(t, 200)
		if lines := mute.use(ch, info, 2).want(t, 401).header.Values("WWW-Authenticate"); lines != nil {
			t.Errorf("challenges %q", lines)
		}
	})
}

func TestLockReal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c := newRecorder(t, nvrtest.Config{})
		ch := c.challenge(userCheck)
		c.password = "wrong"
		for left := 4; left > 0; left-- {
			c.use(ch, userCheck, 1).want(t, 401).says(t, "<lockStatus>unlock<", fmt.Sprintf("<retryLoginTime>%d<", left), "<unlockTime>0<")
		}
		if r.Locked() {
			t.Fatal("locked after four failures")
		}
		c.use(ch, userCheck, 1).says(t, "<lockStatus>lock<", "<unlockTime>1800<", "<retryLoginTime>0<")
		if !r.Locked() {
			t.Fatal("not locked after five failures")
		}

		c.password = nvrtest.DefaultPassword
		time.Sleep(30*time.Minute - time.Second)
		c.use(ch, userCheck, 1).want(t, 401).says(t, "<lockStatus>lock<", "<unlockTime>1<")
		c.use(ch, info, 1).want(t, 401).says(t, "<ResponseStatus", "<subStatusCode>userLocked<", "<resLockTime>1<", "<retryTimes>0<")
		if n := len(r.Counted()); n != 5 {
			t.Errorf("%d counted: attempts while locked must not", n)
		}
		time.Sleep(time.Second)
		c.use(ch, userCheck, 1).want(t, 200)
		if r.Locked() {
			t.Error("still locked")
		}
	})
}

func TestSuccessResetsFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c := newRecorder(t, nvrtest.Config{})
		for range 3 {
			c.password = "wrong"
			for range 4 {
				c.get(info).want(t, 401)
			}
			c.password = nvrtest.DefaultPassword
			c.get(info).want(t, 200)
		}
		if r.Locked() || len(r.Counted()) != 12 {
			t.Errorf("locked %v, %d counted", r.Locked(), len(r.Counted()))
		}
	})
}

func TestLockIsOfAddressAndAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c := newRecorder(t, nvrtest.Config{})
		other := newClient(t, r.DialFrom(netip.MustParseAddr("192.0.2.11")))
		c.user = "nobody"
		for range 5 {
			c.get(info).want(t, 401)
		}
		c.user = nvrtest.DefaultUsername
		c.get(info).want(t, 200)
		c.password = "wrong"
		for range 5 {
			c.get(info).want(t, 401)
		}
		c.password = nvrtest.DefaultPassword
		c.get(info).want(t, 401)
		other.get(info).want(t, 200)
		r.Unlock()
		c.get(info).want(t, 200)
	})
}

func TestLockEveryCountsStaleNonces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c := newRecorder(t, nvrtest.Config{Lock: nvrtest.LockEvery, NonceUses: 1})
		ch := c.challenge(userCheck)
		c.use(ch, userCheck, 1).want(t, 200)
		c.use(ch, userCheck, 2).want(t, 401).says(t, "<retryLoginTime>4<")
		c.send("GET", info, "").want(t, 401) // no credentials: no failure
		c.send("GET", info, "Basic eDp5").want(t, 401)
		if n := len(r.Counted()); n != 2 {
			t.Errorf("%d counted, want 2", n)
		}
		r.SetRights(nvrtest.Rights{Lacks: []string{"logOrStateCheck"}, As401: true})
		c.get("/ISAPI/System/status").want(t, 401)
		r.Fail(nvrtest.Fault{Status: 401, Answers: nvrtest.Granted, Times: 1})
		c.get(info).want(t, 401)
		r.Fail(nvrtest.Fault{BasicOnly: true, Times: 1})
		c.send("GET", info, c.digest(ch, info, 1).header()).want(t, 401)
		if n := len(r.Counted()); n != 5 {
			t.Errorf("%d counted, want 5", n)
		}
	})
}

func TestLockNoneCountsButNeverLocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c := newRecorder(t, nvrtest.Config{Lock: nvrtest.LockNone})
		c.password = "wrong"
		for range 9 {
			c.get(info).want(t, 401)
		}
		if r.Locked() || len(r.Counted()) != 9 {
			t.Errorf("locked %v, %d counted", r.Locked(), len(r.Counted()))
		}
	})
}

func TestBodiesOf401(t *testing.T) {
	for _, tt := range []struct {
		model nvrtest.Model
		path  string
		says  []string
		bare  bool
	}{
		{nvrtest.NVR, userCheck, []string{"<userCheck", "<statusValue>401<", "<retryLoginTime>4<"}, false},
		{nvrtest.NVR, info, []string{"<ResponseStatus", "<retryTimes>4<", "<lockStatus>unlock<"}, false},
		{nvrtest.OldNVR, userCheck, []string{"<userCheck", "<retryLoginTime>4<"}, false},
		{nvrtest.OldNVR, info, nil, true},
		{nvrtest.OldCamera, userCheck, nil, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			_, c := newRecorder(t, nvrtest.Config{Model: tt.model})
			c.send("GET", tt.path, "").want(t, 401).lacks(t, "lockStatus")
			c.password = "wrong"
			got := c.get(tt.path).want(t, 401).says(t, tt.says...)
			if tt.bare != (got.body == "") {
				t.Errorf("%v %s: body %q", tt.model, tt.path, got.body)
			}
		})
	}
}

func TestLockShownUnsigned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c := newRecorder(t, nvrtest.Config{LockShownUnsigned: true})
		other := newClient(t, r.DialFrom(netip.MustParseAddr("192.0.2.11")))
		c.password = "wrong"
		for range 5 {
			c.get(info)
		}
		c.send("GET", userCheck, "").want(t, 401).says(t, "<lockStatus>lock<", "<unlockTime>1800<")
		c.send("GET", info, "").want(t, 401).says(t, "<subStatusCode>userLocked<")
		other.send("GET", userCheck, "").want(t, 401).lacks(t, "lockStatus")
	})
}

func TestSetPasswordKeepsNonces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c := newRecorder(t, nvrtest.Config{})
		ch := c.challenge(info)
		r.SetPassword("another")
		c.use(ch, info, 1).want(t, 401)
		c.password = "another"
		c.use(ch, info, 2).want(t, 200)
	})
}

func TestRights(t *testing.T) {
	const status = "/ISAPI/System/status"
	synctest.Test(t, func(t *testing.T) {
		r, c := newRecorder(t, nvrtest.Config{Username: "bridge", Name: "box"})
		c.user = "bridge"
		c.get("/ISAPI/Security/users").want(t, 200).says(t, "<userName>bridge<", "<userLevel>Operator<").lacks(t, "<userName>admin<")
		c.get("/ISAPI/Security/UserPermission/2").want(t, 200).says(t, "<restartOrShutdown>true<", "<contorlLocalOut>true<")
		c.get("/ISAPI/Security/UserPermission/1").want(t, 403).says(t, "lowPrivilege")
		c.get(status).want(t, 200)

		r.SetRights(nvrtest.Rights{Lacks: []string{"logOrStateCheck"}, Denied: []string{"ContentMgmt/Storage"}})
		c.get("/ISAPI/Security/UserPermission/2").says(t, "<logOrStateCheck>false<", "<parameterConfig>true<")
		c.get(status).want(t, 403).says(t, "<subStatusCode>lowPrivilege<")
		c.get("/ISAPI/ContentMgmt/Storage").want(t, 403).says(t, "lowPrivilege")
		c.get("/ISAPI/ContentMgmt/StorageElsewhere").want(t, 403).says(t, "notSupport")
		c.get(info).want(t, 200)

		r.SetRights(nvrtest.Rights{Lacks: []string{"logOrStateCheck"}, As401: true})
		c.get(status).want(t, 401)
		if len(r.Counted()) != 0 || r.Rejected() != 1 {
			t.Errorf("%d counted, %d rejected", len(r.Counted()), r.Rejected())
		}
		r.SetRights(nvrtest.Rights{Level: "Administrator"})
		c.get("/ISAPI/Security/users").says(t, "<userName>admin<", "<userName>bridge<")
	})
}

func TestActivateStatusNeedsNoSignIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c := newRecorder(t, nvrtest.Config{})
		c.send("GET", "/SDK/activateStatus", "").want(t, 200).says(t, "<Activated>true<")
		c.send("GET", "/elsewhere", "").want(t, 404)
		if q := r.Requests()[0]; q.Credentials || q.Status != http.StatusOK {
			t.Errorf("%+v", q)
		}
	})
}
