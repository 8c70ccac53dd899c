package config

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func TestSchema(t *testing.T) {
	out, err := Schema(known)
	if err != nil {
		t.Fatal(err)
	}
	var root map[string]any
	if err := json.Unmarshal(out, &root); err != nil {
		t.Fatal(err)
	}
	at := func(path ...string) any {
		var v any = root
		for _, p := range path {
			m, ok := v.(map[string]any)
			if !ok {
				return nil
			}
			v = m[p]
		}
		return v
	}
	telegram := []string{"properties", "channels", "properties", "telegram", "properties"}
	for _, path := range [][]string{
		{"properties", "model"}, {"properties", "page", "properties", "behind_proxy", "description"},
		append(slices.Clone(telegram), "allow_from", "items"), append(slices.Clone(telegram), "group_policy", "enum"),
		append(slices.Clone(telegram), "model"),
		{"properties", "channels", "patternProperties", "^telegram:[A-Za-z0-9][A-Za-z0-9._-]*$"},
		{"properties", "sign_in", "additionalProperties", "properties", "client_id"},
	} {
		if at(path...) == nil {
			t.Errorf("there is no %s", strings.Join(path, "/"))
		}
	}
	if at("additionalProperties") != false || at("properties", "channels", "additionalProperties") != false || strings.Contains(string(out), "hidden") {
		t.Error("the schema is not strict")
	}
}

// TestEverySettingIsExplained: the help is what gateway config schema and editors show.
func TestEverySettingIsExplained(t *testing.T) {
	var check func(v any, path string)
	check = func(v any, path string) {
		m, _ := v.(map[string]any)
		properties, _ := m["properties"].(map[string]any)
		for name, p := range properties {
			under := path + "." + name
			if strings.Contains(under, ".channels.") || strings.Contains(under, ".oauth.") || strings.HasPrefix(under, ".sign_in.") {
				continue // adapters' own, and the standard's names
			}
			if p.(map[string]any)["description"] == nil {
				t.Errorf("%s has no help", under)
			}
			check(p, under)
			check(p.(map[string]any)["additionalProperties"], under)
		}
	}
	out, err := Schema(Known{})
	if err != nil {
		t.Fatal(err)
	}
	var root any
	if err := json.Unmarshal(out, &root); err != nil {
		t.Fatal(err)
	}
	check(root, "")
}

func TestNearest(t *testing.T) {
	names := []string{"model", "models", "allow_from", "max_output", "log", "x"}
	for name, want := range map[string]string{
		"modle": "model", "Models": "models", "allowfrom": "allow_from", "ALLOW-FROM": "allow_from", "maxoutput": "max_output",
		"lgo": "log", "y": "", "completely": "", "": "", strings.Repeat("m", 10000): "",
	} {
		if got := nearest(name, names); got != want {
			t.Errorf("%.20q: got %q, want %q", name, got, want)
		}
	}
}
