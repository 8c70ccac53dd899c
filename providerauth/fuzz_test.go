package providerauth

import (
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"chatgateway/internal/jsonfile"
)

// FuzzAnswer: whatever an authorization server answers, nothing breaks, and no time is out of all bounds.
func FuzzAnswer(f *testing.F) {
	for _, s := range []string{"", `{"access_token":"x","expires_in":3600}`, "access_token=x&expires_in=1e99", `{"error":{"code":"x"}}`, `{"expires_in":"-1","id_token":"a.e30.c"}`, "[]", "null"} {
		f.Add("application/json", []byte(s))
		f.Add("application/x-www-form-urlencoded", []byte(s))
	}
	f.Fuzz(func(t *testing.T, kind string, data []byte) {
		m := parseAnswer(kind, data)
		now := time.Now()
		if at := expiry(m, now, 0); !at.IsZero() && (at.Before(now.Add(-24*time.Hour)) || at.After(now.AddDate(200, 0, 0))) && at.Year() != 0 {
			if _, err := json.Marshal(at); err != nil {
				t.Errorf("it ends at %v", at)
			}
		}
		_, _, _ = owner(m), errorCode(m), Interval(m)
		Claims(string(data))
		Instant(data)
	})
}

// FuzzFile: whatever providers.json holds, reading it breaks nothing, and what it tells can be listed.
func FuzzFile(f *testing.F) {
	for _, s := range []string{"{}", `{"a":{"type":"oauth","access":1}}`, `{"a":{"type":"api_key","key":"x"},"@gateway":{"order":{"a":["a"]}}}`, `{"@gateway":[]}`, `{"":{}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := jsonfile.Parse(data)
		if err != nil {
			return
		}
		for _, k := range d.Keys() {
			c, _, _ := readRecord(d, k)
			c.secrets()
		}
		if len(data) > 0 && fileName(ID(data)) != filepath.Base(fileName(ID(data))) {
			t.Errorf("%q is a path", fileName(ID(data)))
		}
	})
}
