package providertest

import (
	"errors"
	"net/http"
	"net/http/httptest"
)

// Direct is a way to a service without a network: h answers every request, whatever its host is. No time passes in it
// but what h takes, so that it may be used under synctest.
func Direct(h http.Handler) http.RoundTripper { return direct{h} }

type direct struct{ h http.Handler }

// RoundTrip implements http.RoundTripper.
func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	in := r.Clone(r.Context())
	if in.Body == nil {
		in.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	d.h.ServeHTTP(w, in)
	return w.Result(), nil
}

// Told is what a person is told of an error; "" of none.
func Told(err error) string {
	var u interface{ UserMessage() string }
	switch {
	case err == nil:
		return ""
	case errors.As(err, &u):
		return u.UserMessage()
	}
	return err.Error()
}
