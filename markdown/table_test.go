package markdown

import "testing"

// TestWidth: the columns of a table stay in line, whatever stands in its cells.
func TestWidth(t *testing.T) {
	for s, want := range map[string]int{"": 0, "abc": 3, "Čaj": 3, "e\u0301": 1, "日本": 4, "ｶﾅ": 2, "（": 2, "한국": 4, "→": 1, "✓": 1,
		"✅": 2, "❌": 2, "⚡": 2, "🟢": 2, "🔴": 2, "🪐": 2, "⚠": 1, "⚠️": 2, "❤️ x": 4, "1️⃣": 2, "👍🏽": 2, "👨‍👩‍👧": 2, "🧔‍♂️ a": 4,
		"❤️‍🔥": 2, "🇩🇪": 2, "🟢🟢": 4, "क्\u200dष": 2} {
		if got := width(s); got != want {
			t.Errorf("%q takes %d columns, want %d", s, got, want)
		}
	}
}
