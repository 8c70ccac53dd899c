package wire

import (
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"chatgateway/providers"
)

// Failure makes an Error of an answer that is a failure: of its status (0 or 200 if the failure came inside a stream),
// its header and its body. The body decides, and is not kept: only an error code that is a known word is.
func (s *Service) Failure(status int, h http.Header, body []byte) *providers.Error {
	f := parse(body)
	if status == http.StatusOK {
		status = 0
	}
	if status == 0 {
		if n, err := strconv.Atoi(f.code); err == nil && n >= 400 && n < 600 {
			status = n // OpenRouter and Google say it in the body
		}
	}
	e := &providers.Error{Kind: s.kind(status, f), Provider: s.Name, Status: status, RetryAfter: retryAfter(h, time.Now())}
	for _, w := range []string{f.code, f.status, f.typ} {
		if _, ok := s.word(w); ok {
			e.Code = w
			break
		}
	}
	if e.RetryAfter == 0 {
		e.RetryAfter = f.retry
	}
	if status >= 300 && status < 400 {
		e.Hint = s.Name + " answered with a redirect, which is refused because a credential must not follow it. Check its base URL in config.yaml."
	}
	return e
}

// failure is what the bodies of failures have in common.
type failure struct {
	code, typ, status string // the service's words, "" where there is none
	text              string // the message, in lower case; for decisions only
	retry             time.Duration
}

// parse reads the shapes that services use: {"error":{…}}, {"error":"…"}, {"message":…}, {"detail":…}, an array of
// these, and {"base_resp":{…}}.
func parse(body []byte) (f failure) {
	var list []json.RawMessage
	if json.Unmarshal(body, &list) == nil && len(list) > 0 {
		body = list[0]
	}
	var top map[string]json.RawMessage
	if json.Unmarshal(body, &top) != nil {
		f.text = strings.ToLower(string(body[:min(len(body), 2000)]))
		return f
	}
	fields := maps.Clone(top)
	switch inner := (map[string]json.RawMessage{}); {
	case json.Unmarshal(top["error"], &inner) == nil && len(inner) > 0:
		maps.Copy(fields, inner)
	case json.Unmarshal(top["base_resp"], &inner) == nil && len(inner) > 0:
		fields["code"], fields["message"] = inner["status_code"], inner["status_msg"]
	case json.Unmarshal(top["response"], &inner) == nil && len(inner) > 0: // OpenAI's response.failed
		return parse([]byte(`{"error":` + string(orNull(inner["error"])) + `}`))
	}
	f.code, f.typ, f.status = word(fields["code"]), word(fields["type"]), word(fields["status"])
	f.text = strings.ToLower(texts(fields["message"], top["error"], fields["detail"], fields["metadata"]))
	f.retry = retryInfo(fields["details"])
	return f
}

func orNull(b json.RawMessage) json.RawMessage {
	if b == nil {
		return json.RawMessage("null")
	}
	return b
}

// word reads a code, which may be a string or a number.
func word(b json.RawMessage) string {
	return strings.Trim(string(b), `"`)
}

func texts(bs ...json.RawMessage) string {
	s := ""
	for _, b := range bs {
		var text string
		if json.Unmarshal(b, &text) != nil {
			text = string(b)
		}
		s += text[:min(len(text), 2000)] + "\n"
	}
	return s
}

// looksFailed reports whether a body with status 200 tells of a failure.
func looksFailed(b []byte) bool {
	f := parse(b)
	var top struct {
		Error    json.RawMessage `json:"error"`
		BaseResp *struct {
			Code int `json:"status_code"`
		} `json:"base_resp"`
	}
	_ = json.Unmarshal(b, &top)
	return len(top.Error) > 0 && string(top.Error) != "null" || top.BaseResp != nil && top.BaseResp.Code != 0 || f.typ == "error"
}

// kind decides what a failure is: by what its words and its text say, else by its status.
func (s *Service) kind(status int, f failure) error {
	if has(f.text, restricted) {
		return providers.ErrRestricted
	}
	for _, w := range []string{f.code, f.status, f.typ} {
		if k, ok := s.word(w); ok && k != nil {
			return k
		}
	}
	if status < 401 || status == 403 || status == 404 || status == 413 || status == 422 || status == 429 || status == 500 {
		for _, r := range rules {
			if has(f.text, r.texts) {
				return r.kind
			}
		}
	}
	if k := ofStatus(status); k != nil {
		return k
	}
	for _, w := range []string{f.code, f.status, f.typ} {
		if k, ok := types[w]; ok {
			return k
		}
	}
	if status == 0 {
		return providers.ErrOverloaded // it began to answer, and then something failed
	}
	return providers.ErrBadRequest
}

func (s *Service) word(w string) (error, bool) {
	if w == "" {
		return nil, false
	}
	if k, ok := s.Words[w]; ok {
		return k, true
	}
	if k, ok := words[w]; ok {
		return k, true
	}
	_, ok := types[w]
	return nil, ok
}

func ofStatus(status int) error {
	switch {
	case status == 401:
		return providers.ErrUnauthorized
	case status == 402:
		return providers.ErrBilling
	case status == 403, status == 451:
		return providers.ErrForbidden
	case status == 404:
		return providers.ErrNoModel
	case status == 413:
		return providers.ErrTooLong
	case status == 429:
		return providers.ErrRateLimited
	case status == 408, status == 409, status == 425, status == 498, status >= 500:
		return providers.ErrOverloaded
	case status >= 300:
		return providers.ErrBadRequest
	}
	return nil
}

func has(text string, any []string) bool {
	for _, t := range any {
		if strings.Contains(text, t) {
			return true
		}
	}
	return false
}

// retryAfter reads how long to wait: Retry-After-Ms, else Retry-After as seconds or a date. It is at most a day.
func retryAfter(h http.Header, now time.Time) time.Duration {
	var d time.Duration
	if ms, err := strconv.ParseFloat(h.Get("Retry-After-Ms"), 64); err == nil && ms >= 0 {
		d = time.Duration(min(ms, 86400e3) * float64(time.Millisecond))
	} else if v := h.Get("Retry-After"); v != "" {
		if sec, err := strconv.ParseFloat(v, 64); err == nil && sec >= 0 {
			d = time.Duration(min(sec, 86400) * float64(time.Second))
		} else if t, err := http.ParseTime(v); err == nil {
			d = t.Sub(now)
		}
	}
	return min(max(d, 0), 24*time.Hour)
}

// retryInfo reads Google's google.rpc.RetryInfo.
func retryInfo(details json.RawMessage) time.Duration {
	var list []struct {
		Type  string `json:"@type"`
		Delay string `json:"retryDelay"`
	}
	if json.Unmarshal(details, &list) != nil {
		return 0
	}
	for _, d := range list {
		if strings.HasSuffix(d.Type, "google.rpc.RetryInfo") {
			t, _ := time.ParseDuration(d.Delay)
			return min(max(t, 0), 24*time.Hour)
		}
	}
	return 0
}
