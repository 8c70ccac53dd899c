package providerauth

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"chatgateway/internal/secret"
)

func TestARecordUnderAnAlias(t *testing.T) {
	path := filepath.Join(t.TempDir(), "providers.json")
	write(t, path, `{
  "wile:work": {"type":"oauth","access":"FAKE-old","refresh":"FAKE-refresh-0","expires":1000,"mine":7},
  "wile": {"type":"api_key","key":"FAKE-alias"}
}`)
	w := worldOn(t, OpenFile(path))
	w.env["ACME_KEY"] = "FAKE-env"
	records := func() map[string]map[string]any {
		t.Helper()
		var all map[string]map[string]any
		data, _ := os.ReadFile(path)
		if err := json.Unmarshal(data, &all); err != nil {
			t.Fatal(err)
		}
		delete(all, settingsKey)
		return all
	}

	// It is read, renewed and changed where it is, under whatever name it is asked for.
	if c := w.want(Want{}, "FAKE-alias", FromStore); c.ID != "wile" {
		t.Errorf("the default account is %q", c.ID)
	}
	if c := w.want(Want{Account: "work"}, "FAKE-access-2", FromStore); c.ID != "wile:work" {
		t.Errorf("the renewed one is %q", c.ID)
	}
	if got := records(); len(got) != 2 || got["wile:work"]["access"] != "FAKE-access-2" || got["wile:work"]["mine"] != 7.0 {
		t.Errorf("after the renewal: %v", got)
	}
	if err := w.m.Put(t.Context(), "acme", apiKey("", "FAKE-put")); err != nil {
		t.Fatal(err)
	}
	if got := records(); len(got) != 2 || got["wile"]["key"] != "FAKE-put" {
		t.Errorf("after a new key: %v", got)
	}
	if at := w.m.At("acme:work"); at != "wile:work" {
		t.Errorf("acme:work is at %q", at)
	}
	if err := w.m.SetOrder(t.Context(), "acme", "", []ID{"acme:work"}); err != nil {
		t.Error(err)
	}
	w.want(Want{}, "FAKE-access-2", FromStore)
	if err := w.m.SetOrder(t.Context(), "acme", "", nil); err != nil {
		t.Error(err)
	}
	w.m.Override("acme:work", secret.New("FAKE-over"), "/run/key")
	w.want(Want{Account: "work"}, "FAKE-over", FromRuntime)
	w.m.Override("acme:work", secret.String{}, "")
	if err := w.m.Enable(t.Context(), "acme:work", false); err != nil {
		t.Error(err)
	}
	w.wantErr(Want{Account: "work"}, ErrNone)

	// The environment's has a name of its own beside it.
	if c := w.want(Want{Account: "env"}, "FAKE-env", FromEnv); c.ID != "acme:env" {
		t.Errorf("the environment's is %q", c.ID)
	}
	if out, err := w.m.Logout(t.Context(), "acme:work"); err != nil || !out.Removed {
		t.Errorf("the logout came to %+v, %v", out, err)
	}
	if got := records(); got["wile:work"] != nil || got["wile"] == nil {
		t.Errorf("after the logout: %v", got)
	}
}

func TestTheRealNameGoesBeforeAnAlias(t *testing.T) {
	w := newWorld(t, apiKey("acme:work", "FAKE-real"), apiKey("wile:work", "FAKE-alias"), apiKey("wile:alone", "FAKE-alone"))
	w.want(Want{Account: "work"}, "FAKE-real", FromStore)
	if at := w.m.At("acme:work"); at != "acme:work" {
		t.Errorf("acme:work is at %q", at)
	}
	rows, err := w.m.Status(t.Context(), "acme")
	if err != nil || len(rows) != 3 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, r := range rows {
		if told := strings.Contains(r.Note, "acme:work, which is stored too"); told != (r.ID == "wile:work") {
			t.Errorf("%s says %q", r.ID, r.Note)
		}
	}
	if out, err := w.m.Logout(t.Context(), "wile:work"); err != nil || !out.Removed {
		t.Errorf("the logout came to %+v, %v", out, err)
	}
	w.want(Want{Account: "work"}, "FAKE-real", FromStore)
}
