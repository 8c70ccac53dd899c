package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"chatgateway/channels/telegram/telegramtest"
)

// fakeToken is a bot's token that the fake Telegram knows.
const fakeToken = "123456:FAKE-token-for-tests-FAKE-token-f00"

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"gateway": main})
}

// TestScripts drives the program as a person does. Each script has a home folder of its own, and at $URL services that
// take keys which begin with sk-FAKE-good, and give out tokens.
//
//	code N command…           runs a command that must exit with N
//	within 5s REGEXP command… repeats a command until its output fits, or with !REGEXP does not fit any more
//	expand file…              puts $URL and other variables into a file
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			services := httptest.NewServer(fakeServices())
			e.Defer(services.Close)
			e.Setenv("URL", services.URL)
			e.Setenv("HOSTPORT", strings.TrimPrefix(services.URL, "http://"))
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("GATEWAY_LOCKS", filepath.Join(e.WorkDir, "locks"))
			e.Setenv("GATEWAY_HOME", filepath.Join(e.WorkDir, "home"))
			e.Setenv("TOKEN", fakeToken)
			e.Setenv("NO_PROXY", "127.0.0.1")
			return nil
		},
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "root":
				return os.Geteuid() == 0, nil
			case "keyring": // in CI it has to be there
				_, err := exec.LookPath("gnome-keyring-daemon")
				return err == nil || os.Getenv("CI") == "true" && runtime.GOOS == "linux", nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"code": cmdCode, "within": cmdWithin, "expand": cmdExpand},
	})
}

// fakeServices speaks as much of each service as the scripts need.
func fakeServices() http.Handler {
	bots := telegramtest.New()
	bots.AddBot(fakeToken, "fake_bot")
	mux := http.NewServeMux()
	mux.Handle("/bot", bots)
	mux.HandleFunc("GET /v1/models", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer sk-FAKE-good") {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"error":{"message":"Incorrect API key provided","type":"invalid_request_error","code":"invalid_api_key"}}`)
			return
		}
		_, _ = io.WriteString(w, `{"object":"list","data":[{"id":"gpt-5","object":"model"},{"id":"gpt-5-mini","object":"model"}]}`)
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if strings.Contains(r.FormValue("code"), "refused") {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"error":"invalid_grant","error_description":"FAKE-body"}`)
			return
		}
		_, _ = io.WriteString(w, `{"access_token":"FAKE-access-token","refresh_token":"FAKE-refresh-token","token_type":"Bearer","expires_in":3600}`)
	})
	mux.HandleFunc("POST /revoke", func(http.ResponseWriter, *http.Request) {})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/bot") || strings.HasPrefix(r.URL.Path, "/file/") {
			bots.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func cmdCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N command...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	if got := exitCode(ts, ts.Exec(args[1], args[2:]...)); got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func exitCode(ts *testscript.TestScript, err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	ts.Fatalf("%v", err)
	return -1
}

func cmdWithin(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: within 5s REGEXP command...")
	}
	limit, err := time.ParseDuration(args[0])
	ts.Check(err)
	text, absent := strings.CutPrefix(args[1], "!")
	re, err := regexp.Compile("(?m)" + text)
	ts.Check(err)
	var last []byte
	for began := time.Now(); time.Since(began) < limit; time.Sleep(30 * time.Millisecond) {
		path, err := exec.LookPath(args[2])
		ts.Check(err)
		cmd := exec.Command(path, args[3:]...)
		cmd.Dir, cmd.Env = ts.MkAbs("."), environ(ts)
		last, _ = cmd.CombinedOutput() // it may fail until it fits
		if re.Match(last) != absent {
			return
		}
	}
	ts.Fatalf("not within %s: %s\nlast output: %s", args[0], args[1], last)
}

// environ is the environment of a script, as far as the program looks at it.
func environ(ts *testscript.TestScript) []string {
	var env []string
	for _, name := range []string{"PATH", "HOME", "GATEWAY_HOME", "GATEWAY_LOCKS", "TESTSCRIPT_COMMAND", "TELEGRAM_BOT_TOKEN", "OPENAI_API_KEY", "GATEWAY_KEY", "NO_PROXY"} {
		if v := ts.Getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	return env
}

func cmdExpand(ts *testscript.TestScript, neg bool, args []string) {
	for _, name := range args {
		data := ts.ReadFile(name)
		out := os.Expand(data, func(key string) string {
			if key == "OS" {
				return runtime.GOOS
			}
			return ts.Getenv(key)
		})
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(out), 0o600))
	}
	if neg {
		ts.Fatalf("expand cannot be negated")
	}
}
