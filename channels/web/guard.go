package web

import (
	"context"
	"net/http"
	"strings"

	"chatgateway/channels"
)

// What a browser may do with what we serve: nothing from elsewhere, nothing inline, in no frame, and text becomes
// markup in one place of the scripts only.
const (
	policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data: blob:; " +
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types gateway"
	permissions = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
)

// guard answers only requests that come from a browser showing our own page, or from no browser. Being on loopback
// proves nothing: every page of the web can send requests there, and a name that its owner points to 127.0.0.1 makes
// them look like its own. So the Host must be one of ours; an Origin must be the one that belongs to that Host; and
// where the browser says who asks, it must be our own page, or a person who opens ours.
func (s *server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Permissions-Policy", permissions)
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		origin := s.hosts.origin(r.Host)
		switch {
		case origin == "":
			refuse(w, http.StatusMisdirectedRequest, "There is nothing by this name here.")
		case !sameOrigin(r, origin), r.Header.Get("Upgrade") != "":
			refuse(w, http.StatusForbidden, "Another page asked for this.")
		default:
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), originKey{}, origin)))
		}
	})
}

type originKey struct{}

// secure reports whether the page was asked for by https.
func secure(r *http.Request) bool {
	origin, _ := r.Context().Value(originKey{}).(string)
	return strings.HasPrefix(origin, "https://")
}

// sameOrigin reports whether a request comes from our own page, from a person opening it, or from no browser.
func sameOrigin(r *http.Request, origin string) bool {
	if o := r.Header.Get("Origin"); o != "" && !strings.EqualFold(o, origin) {
		return false
	}
	h := r.Header
	switch h.Get("Sec-Fetch-Site") {
	case "", "same-origin":
		return true
	case "none": // typed, or a bookmark
		return true
	default: // a link on another site leads to the page, and to nothing else
		return r.Method == http.MethodGet && r.URL.Path == "/" && h.Get("Sec-Fetch-Mode") == "navigate" && h.Get("Sec-Fetch-Dest") == "document"
	}
}

type sessionKey struct{}

// member lets through whoever has the session that the path names.
func (s *server) member(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ses, ok := s.session(r)
		if !ok {
			if wait := s.ch.stale.wait(); wait > 0 {
				refuse(w, http.StatusTooManyRequests, "Too many requests without a session.")
				return
			}
			s.ch.stale.failed()
			refuse(w, http.StatusUnauthorized, "This browser is not let in any more.")
			return
		}
		next(w, r.WithContext(context.WithValue(r.Context(), sessionKey{}, ses)))
	}
}

func (s *server) session(r *http.Request) (session, bool) {
	for _, c := range r.CookiesNamed(cookieName(secure(r))) {
		if ses, ok := s.ch.access.check(r.PathValue("session"), c.Value); ok {
			return ses, true
		}
	}
	return session{}, false
}

// who gives the person of a request that member let through. It is the session's, whatever the request says.
func who(r *http.Request) channels.UserID { return sessionOf(r).User }

func sessionOf(r *http.Request) session {
	ses, _ := r.Context().Value(sessionKey{}).(session)
	return ses
}

// cookieName: by https the browser itself refuses a cookie of that name that another host or plain http set.
func cookieName(https bool) string {
	if https {
		return "__Secure-gateway"
	}
	return "gateway"
}
