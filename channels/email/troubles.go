package email

import (
	"slices"
	"strings"
	"sync"
	"time"
)

// What can be wrong with a mailbox that can be read.
const (
	cannotSend  = "send"
	cannotMark  = "mark"
	cannotStore = "store"
)

// troubles are what the owners should know. Each stands in the account's state until it is mended or its time is over.
type troubles struct {
	mu   sync.Mutex
	list []trouble // guarded by mu
}

type trouble struct {
	what, say string
	until     time.Time // zero: until it is mended
}

const troublesMost = 10

// set says what is wrong, in the place of what was said of it before.
func (t *troubles) set(what, say string, until time.Time) {
	t.mended(what)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.list = append(t.list, trouble{what, say, until}); len(t.list) > troublesMost {
		t.list = slices.Delete(t.list, 0, 1)
	}
}

// mended takes back what was said.
func (t *troubles) mended(what string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.list = slices.DeleteFunc(t.list, func(x trouble) bool { return x.what == what })
}

// now gives the sentences that hold.
func (t *troubles) now() (say []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.list = slices.DeleteFunc(t.list, func(x trouble) bool { return !x.until.IsZero() && time.Now().After(x.until) })
	for _, x := range t.list {
		say = append(say, x.say)
	}
	return say
}

// hint says what is missing for anybody to be answered, and what else is wrong.
func (c *channel) hint() string {
	say := c.troubles.now()
	if len(c.trusted()) == 0 {
		say = append([]string{"Nobody is answered: authserv_id is not set, so no sender can be told from a forged one. gateway channels test email shows what your server writes there."}, say...)
	}
	return strings.Join(say, " ")
}
