package console

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"chatgateway/commands"
	"chatgateway/internal/status"
	"chatgateway/providers"
	"chatgateway/providers/catalog"
)

type source struct{ news chan struct{} }

func (s source) Status(ctx context.Context) status.Gateway {
	if _, bounded := ctx.Deadline(); !bounded {
		panic("the state may take for ever")
	}
	return status.Gateway{Version: "v1", Model: "fake/model", Channels: []status.Channel{{Account: "web", State: status.Connected}}}
}

func (s source) LocalServers(context.Context) []commands.Local {
	return []commands.Local{{Provider: "ollama", Name: "Ollama", URL: "http://127.0.0.1:11434", Models: 2}}
}

func (s source) Models(ctx context.Context, provider string) ([]commands.Model, []string) {
	if _, bounded := ctx.Deadline(); !bounded || provider != "" {
		panic("the lists may take for ever, or are of one provider")
	}
	return []commands.Model{{Ref: providers.Ref{Provider: "fake", Account: "work", Model: "one"}, Model: catalog.Model{ID: "one", Name: "One", Window: 8, Sees: true}}},
		[]string{"Other: cannot be reached"}
}

func (s source) Changed() <-chan struct{} { return s.news }

func TestStatus(t *testing.T) {
	src := source{make(chan struct{})}
	p := Handler(src)
	w := httptest.NewRecorder()
	p.ServeHTTP(w, httptest.NewRequest("GET", "/status", nil))
	var got status.Gateway
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || got.Model != "fake/model" || len(got.Channels) != 1 {
		t.Errorf("got %s, %v", w.Body, err)
	}
	var more struct{ Local []local }
	if err := json.Unmarshal(w.Body.Bytes(), &more); err != nil || len(more.Local) != 1 || more.Local[0].Provider != "ollama" {
		t.Errorf("model servers on this host: %+v, %v", more, err)
	}
	if cc := w.Header().Get("Cache-Control"); cc != "no-store" {
		t.Errorf("Cache-Control is %q; want no-store", cc)
	}
	select {
	case <-p.Changed():
		t.Error("nothing changed yet")
	default:
	}
	close(src.news)
	<-p.Changed()
}

func TestModels(t *testing.T) {
	w := httptest.NewRecorder()
	Handler(source{}).ServeHTTP(w, httptest.NewRequest("GET", "/models", nil))
	want := `{"models":[{"ref":"fake:work/one","name":"One","window":8,"sees":true}],"notes":["Other: cannot be reached"]}` + "\n"
	if got := w.Body.String(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestNothingElse(t *testing.T) {
	p := Handler(source{})
	for _, c := range [][2]string{{"POST", "/status"}, {"GET", "/"}, {"GET", "/status/x"}} {
		w := httptest.NewRecorder()
		p.ServeHTTP(w, httptest.NewRequest(c[0], c[1], nil))
		if w.Code != http.StatusNotFound && w.Code != http.StatusMethodNotAllowed {
			t.Errorf("%s %s gave %d", c[0], c[1], w.Code)
		}
	}
}
