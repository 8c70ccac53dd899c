package telegramtest

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// params are a request's parameters, however they came: in the query, as a form, as multipart, as JSON.
type params struct {
	values map[string]string
	files  map[string]upload
}

type upload struct {
	name, kind string
	data       []byte
}

func parse(r *http.Request) (params, error) {
	p := params{values: map[string]string{}, files: map[string]upload{}}
	p.add(r.URL.Query())
	kind, attrs, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	body := io.LimitReader(r.Body, 64<<20)
	switch kind {
	case "multipart/form-data":
		return p, p.multipart(multipart.NewReader(body, attrs["boundary"]))
	case "application/json":
		return p, p.json(body)
	default:
		data, err := io.ReadAll(body)
		if err != nil {
			return p, err
		}
		q, err := url.ParseQuery(string(data))
		p.add(q)
		return p, err
	}
}

func (p params) add(q url.Values) {
	for k, v := range q {
		p.values[k] = v[0]
	}
}

func (p params) multipart(m *multipart.Reader) error {
	for {
		part, err := m.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		data, err := io.ReadAll(part)
		if err != nil {
			return err
		}
		if part.FileName() != "" {
			p.files[part.FormName()] = upload{part.FileName(), part.Header.Get("Content-Type"), data}
		} else {
			p.values[part.FormName()] = string(data)
		}
	}
}

func (p params) json(r io.Reader) error {
	var m map[string]json.RawMessage
	if err := json.NewDecoder(r).Decode(&m); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	for k, v := range m {
		var s string
		if json.Unmarshal(v, &s) == nil {
			p.values[k] = s
		} else if string(v) != "null" {
			p.values[k] = string(v)
		}
	}
	return nil
}

func (p params) num(key string) int64 {
	n, _ := strconv.ParseInt(strings.TrimSpace(p.values[key]), 10, 64)
	return n
}

func (p params) yes(key string) bool {
	v := strings.ToLower(p.values[key])
	return v == "true" || v == "1" || v == "yes"
}

// object decodes a parameter that is JSON; it reports false if there is none.
func (p params) object(key string, into any) (bool, error) {
	v := p.values[key]
	if v == "" {
		return false, nil
	}
	return true, json.Unmarshal([]byte(v), into)
}
