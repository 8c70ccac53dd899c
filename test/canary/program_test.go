// Package canary looks for the gateway's secrets in everything that the built program writes, says and sends.
package canary

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"chatgateway/test/program"
)

func TestMain(m *testing.M) { os.Exit(program.Main(m)) }

// gateway is the program, and the secrets that it was told.
type gateway struct {
	*program.Program
	secrets map[string]string // by what became of it
}

func newGateway(t *testing.T, config string) *gateway {
	t.Helper()
	return &gateway{Program: program.New(t, "log: {level: debug}\n"+config), secrets: map[string]string{}}
}

// secret makes a key that is nowhere else: behind its first eight characters it is random.
func (g *gateway) secret(where, prefix string) string {
	s := prefix + "FAKE" + rand.Text() + rand.Text()[:9]
	g.secrets[where] = s
	return s
}

// run carries out a command line; what it prints is looked at like all else.
func (g *gateway) run(in string, args ...string) string {
	g.T.Helper()
	out, _ := g.Run(in, args...)
	_, _ = g.Out.Write([]byte(out))
	return out
}

// search looks for every secret, and every eight characters of one behind its public beginning, in what is given and
// in every file but the two that are for secrets.
func (g *gateway) search(when string, texts map[string]string) {
	g.T.Helper()
	texts["the output"] = g.Out.String()
	g.Files(func(name string, data []byte) {
		if filepath.Dir(name) != "auth" || !strings.HasSuffix(name, "s.json") {
			texts[name] = string(data)
		}
	})
	bytesRead := 0
	for name, text := range texts {
		bytesRead += len(text)
		for where, s := range g.secrets {
			for i := 8; i+8 <= len(s); i++ {
				if at := strings.Index(text, s[i:i+8]); at >= 0 {
					g.T.Errorf("%s: %q of the secret %s is in %s: …%q…", when, s[i:i+8], where, name, text[max(0, at-80):min(len(text), at+80)])
					break
				}
			}
		}
	}
	g.T.Logf("%s: %d secrets looked for in %d texts, %d bytes", when, len(g.secrets), len(texts), bytesRead)
}
