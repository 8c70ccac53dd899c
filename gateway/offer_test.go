package gateway

import (
	"fmt"
	"strings"
	"testing"

	"chatgateway/providerauth"
)

// /login offers the usual providers first and all others on further pages, in the same message.
func TestLoginOffersInPages(t *testing.T) {
	inWorld(t, func(w *world) {
		var list []providerauth.Scheme
		for n := range 20 {
			id := fmt.Sprintf("p%02d", n)
			list = append(list, providerauth.Scheme{ID: id, Name: strings.ToUpper(id), Usual: n == 15, Methods: []providerauth.Method{providerauth.KeyMethod(id, "", nil)}})
		}
		off := providerauth.Scheme{ID: "off", Name: "OFF", Methods: []providerauth.Method{{ID: "browser", Off: "it is off"}}}
		w.auth.SetSchemes(append(list, off))
		w.say("ann", "/login")
		var pages string
		for _, more := range []bool{true, true, false} {
			page := w.sees("ann")
			if strings.Count(page, "Which provider") != 1 || strings.Contains(page, "[More »]") != more || strings.Contains(page, "OFF") {
				t.Errorf("ann sees %q", page)
			}
			pages += page
			if more {
				w.press("ann", "More »")
			}
		}
		for _, s := range list {
			if strings.Count(pages, "["+s.Name+"]") != 1 {
				t.Errorf("%s is not offered once:\n%s", s.Name, pages)
			}
		}
		if !strings.Contains(pages, "name. [P15] [P00]") {
			t.Errorf("the usual one is not the first:\n%s", pages)
		}
		w.press("ann", "« Back")
		w.want("ann", "page 2 of 3")
	})
}
