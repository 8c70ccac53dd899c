package wire

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"chatgateway/internal/secret"
	"chatgateway/internal/sse"
	"chatgateway/providerauth"
	"chatgateway/providers"
)

var cred = providerauth.Credential{Type: providerauth.Key, Key: secret.New("FAKE-key-for-tests-wire")}

func sign(h http.Header, c providerauth.Credential) { h.Set("X-Api-Key", c.Secret().Reveal()) }

func TestCredentialGoesToItsHostsOnly(t *testing.T) {
	got := ""
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Get("X-Api-Key")
		_, _ = io.WriteString(w, "{}")
	}))
	defer srv.Close()
	s := Service{Name: "Service", Base: "https://api.example/v1", Hosts: []string{"api.example"}, Sign: sign}.With(providers.Options{})
	var v struct{}
	err := s.JSON(t.Context(), cred, Call{Path: srv.URL + "/x"}, &v)
	if !errors.Is(err, providers.ErrForbidden) || got != "" {
		t.Errorf("got %v, and %q was sent", err, got)
	}
	if err := s.JSON(t.Context(), providerauth.Credential{}, Call{Path: srv.URL + "/x"}, &v); err != nil {
		t.Errorf("without a credential: %v", err)
	}
	s = Service{Name: "Service", Base: "https://api.example/v1", Sign: sign}.With(providers.Options{BaseURL: srv.URL + "/"})
	if err := s.JSON(t.Context(), cred, Call{Path: "/x"}, &v); err != nil || got != "FAKE-key-for-tests-wire" {
		t.Errorf("at the owner's base URL: %v, and %q was sent", err, got)
	}
}

func TestRedirectsAreRefusedWithAnyClient(t *testing.T) {
	followed := false
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed = true }))
	defer other.Close()
	srv := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusFound))
	defer srv.Close()
	for _, c := range []*http.Client{nil, http.DefaultClient, {CheckRedirect: func(*http.Request, []*http.Request) error { return nil }}} {
		s := Service{Name: "Service", Sign: sign}.With(providers.Options{BaseURL: srv.URL, Client: c})
		var v struct{}
		err := s.JSON(t.Context(), cred, Call{Path: "/x"}, &v)
		var e *providers.Error
		if !errors.As(err, &e) || !strings.Contains(e.UserMessage(), "redirect") || followed {
			t.Errorf("got %v, followed %v", err, followed)
		}
	}
}

func TestHeader(t *testing.T) {
	var h http.Header
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h = r.Header
		_, _ = io.WriteString(w, "{}")
	}))
	defer srv.Close()
	s := Service{Name: "Service"}.With(providers.Options{BaseURL: srv.URL})
	var v struct{}
	if err := s.JSON(t.Context(), cred, Call{Path: "/", Body: map[string]string{"a": "b <c>"}}, &v); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(h.Get("User-Agent"), "chatgateway/") || h.Get("Content-Type") != "application/json" {
		t.Errorf("got %v", h)
	}
}

func TestJSONBounds(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/endless":
			_, _ = io.Copy(w, io.LimitReader(endless{}, MaxList+10))
		case "/wrong":
			_, _ = io.WriteString(w, `{"base_resp":{"status_code":1004,"status_msg":"login fail"},"data":5}`)
		default:
			_, _ = io.WriteString(w, "no JSON at all")
		}
	}))
	defer srv.Close()
	s := Service{Name: "Service", Words: map[string]error{"1004": providers.ErrUnauthorized}}.With(providers.Options{BaseURL: srv.URL})
	for path, want := range map[string]error{"/endless": providers.ErrBadRequest, "/text": providers.ErrBadRequest, "/wrong": providers.ErrUnauthorized} {
		var v struct {
			Data []string `json:"data"`
		}
		if err := s.JSON(t.Context(), cred, Call{Path: path}, &v); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", path, err, want)
		}
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func TestNoBaseURL(t *testing.T) {
	for _, base := range []string{"", "not a url", "ht!tp://x", "/path"} {
		s := Service{Name: "Azure", Base: base}.With(providers.Options{})
		var e *providers.Error
		if err := s.JSON(t.Context(), cred, Call{Path: "/x"}, nil); !errors.As(err, &e) || e.UserMessage() == "" {
			t.Errorf("%q: got %v", base, err)
		}
	}
}

// words is a Decoder of plain words: "end" ends, "fail" fails.
type plain struct{}

func (plain) Event(ev sse.Event, emit Emit) (bool, error) {
	switch s := string(ev.Data); s {
	case "end":
		emit(providers.Delta{Stop: providers.StopEnd})
		return true, nil
	case "fail":
		return false, errors.New("odd")
	default:
		emit(providers.Delta{Part: providers.Part{Text: s}})
		return false, nil
	}
}

func (plain) End(Emit) bool { return false }

func TestStreamPrepareRunsWhenTheLoopBegins(t *testing.T) {
	ran := false
	s := Service{Name: "Service"}.With(providers.Options{BaseURL: "http://127.0.0.1:1"})
	stream := s.Stream(t.Context(), cred, func() (Call, Decoder, error) {
		ran = true
		return Call{}, plain{}, &providers.Error{Kind: providers.ErrUnable, Provider: "Service"}
	})
	if ran {
		t.Error("it ran before")
	}
	for _, err := range stream {
		if !errors.Is(err, providers.ErrUnable) {
			t.Errorf("got %v", err)
		}
	}
	if !ran {
		t.Error("it did not run")
	}
}

func TestStreamLongEvent(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "identity" {
			t.Error("the stream may come packed")
		}
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: "+long+"\n\ndata: end\n\n")
	}))
	defer srv.Close()
	s := Service{Name: "Service"}.With(providers.Options{BaseURL: srv.URL})
	got := ""
	for d, err := range s.Stream(t.Context(), cred, func() (Call, Decoder, error) { return Call{Path: "/"}, plain{}, nil }) {
		if err != nil {
			t.Fatal(err)
		}
		got += d.Part.Text
	}
	if got != long {
		t.Errorf("got %d bytes", len(got))
	}
}

func TestEnded(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("stopped by a person"))
	err := Ended(ctx, "Service")
	if !errors.Is(err, context.Canceled) || !errors.Is(err, providers.ErrCut) || errors.Is(err, providers.ErrTimeout) {
		t.Errorf("got %v", err)
	}
	ctx, stop := context.WithTimeout(t.Context(), -1)
	defer stop()
	if err := Ended(ctx, "Service"); !errors.Is(err, providers.ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestCallID(t *testing.T) {
	for in, want := range map[string]string{"call_1-a": "call_1-a", "a|b:c ü": "a_b_c__", strings.Repeat("x", 100): strings.Repeat("x", 64)} {
		if got := CallID(in); got != want {
			t.Errorf("CallID(%q) = %q, want %q", in, got, want)
		}
	}
	if a, b := NewCallID(), NewCallID(); a == b {
		t.Error("two ids are the same")
	}
}

func TestArgs(t *testing.T) {
	for in, want := range map[string]string{"": "{}", " null ": "{}", `{"a":1}`: `{"a":1}`, `{"a":`: `{"invalid_arguments":"{\"a\":"}`, `[1]`: `{"invalid_arguments":"[1]"}`} {
		if got := string(Args(in)); got != want {
			t.Errorf("Args(%q) = %s, want %s", in, got, want)
		}
	}
}

func TestLocal(t *testing.T) {
	for in, want := range map[string]bool{"http://127.0.0.1:1234/v1": true, "http://localhost": true, "http://[::1]:80": true, "http://192.168.0.2": false, "https://api.example": false, "": false} {
		if Local(in) != want {
			t.Errorf("Local(%q) is %v", in, !want)
		}
	}
}

func TestParseModels(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		want string
	}{
		"openai":     {`{"object":"list","data":[{"id":"a","object":"model"},{"id":"text-embedding-3-small"}]}`, "a"},
		"array":      {`[{"id":"a","type":"chat","context_length":5},{"id":"b","type":"image"},{"id":"c","type":"embedding"}]`, "a"},
		"names":      {`["a","b"]`, "a b"},
		"models":     {`{"models":[{"name":"a:1b","model":"a:1b"}]}`, "a:1b"},
		"bedrock":    {`{"modelSummaries":[{"modelId":"openai.gpt-oss-20b-1:0","modelName":"gpt-oss-20b","inputModalities":["TEXT"],"outputModalities":["TEXT"]},{"modelId":"x.img","outputModalities":["IMAGE"]}]}`, "openai.gpt-oss-20b-1:0"},
		"openrouter": {`{"data":[{"id":"v/a","name":"A","context_length":1000,"architecture":{"input_modalities":["text","image"],"output_modalities":["text"]},"pricing":{"prompt":"0.000003","completion":"0.000015"},"supported_parameters":["tools","reasoning"]},{"id":"v/img","architecture":{"output_modalities":["image"]}}]}`, "v/a"},
		"mistral":    {`{"data":[{"id":"a","capabilities":{"completion_chat":true,"vision":true},"max_context_length":131072,"type":"base"},{"id":"b","capabilities":{"completion_chat":false}}]}`, "a"},
		"odd types":  {`{"data":[{"id":"a","context_length":"many","type":7},5,null,{"object":"model"}]}`, "a"},
		"empty":      {`{"data":[]}`, ""},
	} {
		list, err := ParseModels([]byte(c.in))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var ids []string
		for _, m := range list {
			ids = append(ids, m.ID)
		}
		if got := strings.Join(ids, " "); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
		if name == "openrouter" && (list[0].Window != 1000 || !list[0].Sees || !list[0].Thinks || list[0].NoTools || list[0].PriceIn != 3 || list[0].PriceOut != 15 || list[0].Name != "A") {
			t.Errorf("%s: got %+v", name, list[0])
		}
	}
	for _, in := range []string{"", "no", `{"error":"x"}`, "5"} {
		if _, err := ParseModels([]byte(in)); err == nil {
			t.Errorf("%q is a list", in)
		}
	}
}
