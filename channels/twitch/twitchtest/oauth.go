package twitchtest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"time"
)

// good reports whether a token is taken.
func (t *Token) good() bool {
	return !t.Revoked && (t.Expires.IsZero() || time.Now().Before(t.Expires))
}

// Handler serves the endpoints for tokens.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /oauth2/validate", s.validate)
	mux.HandleFunc("POST /oauth2/token", s.token)
	mux.HandleFunc("POST /oauth2/device", s.device)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		code := s.status[r.URL.Path]
		s.mu.Unlock()
		if code != 0 {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(code)
			_, _ = io.WriteString(w, "<html><body>Our service is at capacity.</body></html>")
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// RoundTrip implements http.RoundTripper, for tests on fake time.
func (s *Server) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w.Result(), nil
}

func answer(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v)
}

func refuse(w http.ResponseWriter, code int, message string) {
	answer(w, code, map[string]any{"status": code, "message": message})
}

func (s *Server) validate(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kind, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if kind != "OAuth" && kind != "Bearer" {
		refuse(w, http.StatusUnauthorized, "missing authorization token")
		return
	}
	t := s.tokens[token]
	if t == nil || !t.good() {
		refuse(w, http.StatusUnauthorized, "invalid access token")
		return
	}
	left := 0
	if !t.Expires.IsZero() {
		left = int(time.Until(t.Expires).Seconds())
	}
	answer(w, http.StatusOK, map[string]any{"client_id": t.Client, "login": t.User.Login, "scopes": t.Scopes, "user_id": t.User.ID, "expires_in": left})
}

func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	client := r.FormValue("client_id")
	secret, ok := s.Clients[client]
	if !ok {
		refuse(w, http.StatusBadRequest, "invalid client")
		return
	}
	switch r.FormValue("grant_type") {
	case "refresh_token":
		old := s.refresh[r.FormValue("refresh_token")]
		switch {
		case secret != "" && r.FormValue("client_secret") != secret:
			refuse(w, http.StatusForbidden, "invalid client secret")
			return
		case old == nil || old.Client != client:
			refuse(w, http.StatusBadRequest, "Invalid refresh token")
			return
		}
		s.renewed++
		delete(s.refresh, old.Refresh) // good once only, as for public clients
		s.grant(w, old.User, client, old.Scopes)
	case "urn:ietf:params:oauth:grant-type:device_code":
		d := s.devices[r.FormValue("device_code")]
		switch {
		case d == nil || d.client != client || time.Now().After(d.expires):
			refuse(w, http.StatusBadRequest, "invalid device code")
		case d.denied:
			refuse(w, http.StatusBadRequest, "access_denied")
		case d.user == nil:
			refuse(w, http.StatusBadRequest, "authorization_pending")
		default:
			delete(s.devices, d.code)
			s.grant(w, d.user, client, d.scopes)
		}
	default:
		refuse(w, http.StatusBadRequest, "missing grant type")
	}
}

// grant makes new tokens, good for four hours.
func (s *Server) grant(w http.ResponseWriter, u *User, client string, scopes []string) {
	t := &Token{User: u, Client: client, Scopes: slices.Clone(scopes), Expires: time.Now().Add(4 * time.Hour),
		Access: "fakeaccess" + strings.ReplaceAll(newID(), "-", ""), Refresh: "fakerefresh" + strings.ReplaceAll(newID(), "-", "")}
	s.tokens[t.Access], s.refresh[t.Refresh] = t, t
	answer(w, http.StatusOK, map[string]any{"access_token": t.Access, "refresh_token": t.Refresh, "scope": t.Scopes, "token_type": "bearer",
		"expires_in": int((4 * time.Hour).Seconds())})
}

func (s *Server) device(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	client := r.FormValue("client_id")
	if _, ok := s.Clients[client]; !ok {
		refuse(w, http.StatusBadRequest, "invalid client")
		return
	}
	d := &Device{UserCode: strings.ToUpper(newID()[:8]), code: newID(), client: client, scopes: strings.Fields(r.FormValue("scopes")), expires: time.Now().Add(30 * time.Minute)}
	s.devices[d.code] = d
	answer(w, http.StatusOK, map[string]any{"device_code": d.code, "expires_in": 1800, "interval": 5, "user_code": d.UserCode,
		"verification_uri": "https://www.twitch.tv/activate?device-code=" + d.UserCode})
}

// Enter makes a person enter the code of a sign-in; nil: they say no.
func (s *Server) Enter(code string, u *User) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.devices {
		if d.UserCode == code {
			d.user, d.denied = u, u == nil
			return true
		}
	}
	return false
}
