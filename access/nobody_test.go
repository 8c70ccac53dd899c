package access_test

import (
	"testing"

	"chatgateway/access"
	"chatgateway/channels"
)

// TestNobodyVouches: an anonymous admin gets a sentence, once in a conversation, where the bot answers others; never a
// right.
func TestNobodyVouches(t *testing.T) {
	w := newWorld(t)
	w.config.Accounts["telegram"] = access.Account{Owners: []string{"1"}, Groups: []string{"g"}}
	w.config.Accounts["quiet"] = access.Account{Owners: []string{"1"}, Groups: []string{"g"}, GroupPolicy: "off"}
	w.restart()
	says := func(account channels.AccountID, m channels.Message) bool {
		d := w.Decide(w.Context(), account, m)
		if d.Role != access.Nobody {
			t.Errorf("%+v has the role %v", m, d.Role)
		}
		return d.Reply != ""
	}
	m := func(conv channels.ConversationID, place channels.PlaceID) channels.Message {
		return channels.Message{Conversation: conv, Places: []channels.PlaceID{place}, Text: "hi", Addressed: true}
	}
	unaddressed, edited := m("g", "g"), m("g", "g")
	unaddressed.Addressed, edited.Edited = false, true
	for _, c := range []struct {
		account channels.AccountID
		m       channels.Message
		told    bool
	}{
		{"telegram", unaddressed, false}, {"telegram", edited, false}, {"telegram", m("other", "other"), false}, {"quiet", m("g", "g"), false},
		{"unknown", m("g", "g"), false}, {"telegram", channels.Message{Conversation: "p", Private: true, Addressed: true, Text: "hi"}, false},
		{"telegram", m("g", "g"), true}, {"telegram", m("g", "g"), false}, {"telegram", m("g/2", "g"), true}, {"telegram", m("g/2", "g"), false},
	} {
		if told := says(c.account, c.m); told != c.told {
			t.Errorf("%s, %+v: told %v, want %v", c.account, c.m, told, c.told)
		}
	}
	for i := range 200 {
		says("telegram", m(channels.ConversationID(rune('a'+i)), "g"))
	}
	if says("telegram", m("one more", "g")) {
		t.Error("any number of conversations is told")
	}
}
