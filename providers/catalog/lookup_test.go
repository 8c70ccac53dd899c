package catalog

import (
	"slices"
	"testing"
)

func TestLookup(t *testing.T) {
	for _, c := range []struct {
		provider, id string
		name         string
		window       int
		sees, thinks bool
	}{
		{"anthropic", "claude-opus-5-5", "Claude Opus 5.5", 1_000_000, true, true},
		{"anthropic", "claude-haiku-4-5-20251001", "Claude Haiku 4.5", 200_000, true, true},
		{"anthropic", "claude-3-haiku-20240307", "", 200_000, true, false},
		{"anthropic", "claude-wonder-9", "", 200_000, true, true},
		{"openai", "gpt-4.1-2025-04-14", "GPT-4.1", 1_047_576, true, false},
		{"openai", "gpt-4o-mini", "", 128_000, true, false},
		{"openai", "gpt-3.5-turbo", "", 16_385, false, false},
		{"google", "models/gemini-3.8-flash", "Gemini 3.8 Flash", 1_048_576, true, true},
		{"openrouter", "anthropic/claude-opus-5-5", "Claude Opus 5.5", 0, true, true},
		{"openrouter", "openai/gpt-4o:free", "", 0, true, false},
		{"bedrock", "us.anthropic.claude-opus-4-6-v1", "", 0, true, true},
		{"fireworks", "accounts/fireworks/models/gpt-oss-120b", "", 0, false, true},
	} {
		m, ok := Lookup(c.provider, c.id)
		if !ok || m.ID != c.id || m.Name != c.name || m.Window != c.window || m.Sees != c.sees || m.Thinks != c.thinks {
			t.Errorf("Lookup(%s, %s) = %+v, %v", c.provider, c.id, m, ok)
		}
	}
	if m, ok := Lookup("openai", "something-new"); ok || m.ID != "something-new" || m.Sees {
		t.Errorf("got %+v, %v for an unknown model", m, ok)
	}
}

func TestMergeAndPick(t *testing.T) {
	list := Merge("anthropic", []Model{{ID: "claude-haiku-4-5-20251001", Window: 5}, {ID: "claude-opus-5-5"}, {ID: "new"}})
	if list[0].Window != 5 || !list[0].Sees || list[0].Preferred {
		t.Errorf("got %+v", list[0])
	}
	if m, _ := Pick(list); m.ID != "claude-opus-5-5" {
		t.Errorf("picked %s", m.ID)
	}
	if m, ok := Pick(list[2:]); !ok || m.ID != "new" {
		t.Errorf("picked %s, %v", m.ID, ok)
	}
	if _, ok := Pick(nil); ok {
		t.Error("picked from nothing")
	}
}

func TestMergePrefersWhatRoutersServe(t *testing.T) {
	list := Merge("nvidia", []Model{{ID: "01-ai/yi-large"}, {ID: "openai/gpt-oss-120b"}, {ID: "moonshotai/kimi-k3"}})
	if m, _ := Pick(list); m.ID != "moonshotai/kimi-k3" {
		t.Errorf("picked %s", m.ID)
	}
}

func TestMergeSight(t *testing.T) {
	list := Merge("openai", []Model{{ID: "gpt-3.5-turbo"}, {ID: "gpt-3.5-wonder", Sees: true}, {ID: "unheard-of"}})
	if !list[0].Blind || list[1].Blind || !list[1].Sees || list[2].Blind || list[2].Sees {
		t.Errorf("got %+v", list)
	}
}

func TestTable(t *testing.T) {
	for p, list := range models {
		preferred := 0
		for i, m := range list {
			if m.Preferred {
				preferred++
			}
			if slices.IndexFunc(list, func(o Model) bool { return o.ID == m.ID }) != i {
				t.Errorf("%s: %s is there twice", p, m.ID)
			}
			if m.Sees && m.Blind {
				t.Errorf("%s: %s sees and is blind", p, m.ID)
			}
			if len(m.Efforts) > 0 && !m.Thinks {
				t.Errorf("%s: %s has efforts and does not think", p, m.ID)
			}
		}
		if preferred > 1 || preferred == 1 && Preferred(p) == "" {
			t.Errorf("%s has %d preferred models", p, preferred)
		}
	}
}

func TestKnownIsACopy(t *testing.T) {
	Known("anthropic")[0].Efforts[0] = "changed"
	if Known("anthropic")[0].Efforts[0] == "changed" {
		t.Error("the table was changed")
	}
}
