package email

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"chatgateway/channelauth"
	"chatgateway/channels"
	"chatgateway/channels/email/emailtest"
)

// Two channels over one channels.json, as two processes have them, renew a token once.
func TestOneRenewalAcrossProcesses(t *testing.T) {
	t.Parallel()
	a := &authServer{refresh: "FAKE-refresh-token.0000"}
	gate := make(chan struct{})
	hs := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { <-gate; a.ServeHTTP(w, r) }))
	t.Cleanup(hs.Close)
	path := filepath.Join(t.TempDir(), "channels.json")
	stored := `{"email": {"username": "` + emailtest.User + `", "client_id": "fake-client", "refresh_token": "FAKE-refresh-token.0000"}}`
	if err := os.WriteFile(path, []byte(stored), 0o600); err != nil {
		t.Fatal(err)
	}
	open := func() *channel {
		set := Service.Settings().(*Settings)
		set.IMAPHost, set.SMTPHost, set.OAuthTokenURL = "127.0.0.1", "127.0.0.1", hs.URL
		ch, err := Service.Open(channels.Options{Account: "email", Secrets: channelauth.Open(path, nil).Account("email", Service.Secrets), Settings: set})
		if err != nil {
			t.Fatal(err)
		}
		return ch.(*channel)
	}
	both := []*channel{open(), open()}
	token := func(c *channel, again bool, want string) {
		t.Helper()
		if got, _, err := c.token(t.Context(), again); err != nil || got.Reveal() != want {
			t.Errorf("got %q, %v; want %s", got.Reveal(), err, want)
		}
	}
	var wg sync.WaitGroup
	for _, c := range both {
		if c.o.Secrets.Secret("refresh_token").Reveal() != "FAKE-refresh-token.0000" { // both have read the file
			t.Fatal("the file is not read")
		}
		wg.Go(func() { token(c, false, "FAKE-access-token.0001") })
	}
	close(gate)
	wg.Wait()
	token(both[0], true, "FAKE-access-token.0002") // it was refused: somebody signed out elsewhere
	token(both[1], true, "FAKE-access-token.0002") // refused here too, and the other has renewed it already
	token(both[1], true, "FAKE-access-token.0003")
	token(both[0], true, "FAKE-access-token.0003")
	if a.renewed != 3 {
		t.Errorf("renewed %d times, want 3", a.renewed)
	}
}
