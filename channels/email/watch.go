package email

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"chatgateway/channels"
	"chatgateway/internal/adapter"
	"chatgateway/internal/status"
)

// How much is asked for at once: so many mails, of so many bytes together.
const (
	window      = 50
	windowBytes = 4 << 20
	partOfLarge = 256 << 10 // what is read of a mail that is larger than is taken
	reportEach  = 30 * time.Second
)

// watcher reads the folder, in one goroutine.
type watcher struct {
	c     *channel
	h     channels.Handler
	box   mailbox
	at    cursor
	told  time.Time // last report
	state status.State
	text  string
}

// cursor is how far the folder has been read: a mark, as "validity uid time". The numbers hold as long as the folder's
// validity stays the same; if it does not, the time when the last mail came says what is new.
type cursor struct {
	validity, uid uint32
	date          int64 // Unix seconds
}

func (k cursor) String() string { return fmt.Sprintf("%d %d %d", k.validity, k.uid, k.date) }

// watch connects and reads until ctx ends or the connection is lost.
func (c *channel) watch(ctx context.Context, h channels.Handler) error {
	w := &watcher{c: c, h: h}
	w.report(status.Connecting, "")
	b, err := c.connect(ctx)
	if err != nil {
		return w.stopped(err)
	}
	defer b.close()
	w.box = b
	if err := w.begin(ctx); err != nil {
		return w.stopped(err)
	}
	for ctx.Err() == nil {
		if err := w.look(ctx); err != nil {
			return w.stopped(err)
		}
		w.report(status.Connected, w.c.hint())
		d := c.times.slice
		if !b.idles() {
			d = c.set.PollInterval
		}
		if err := b.wait(ctx, d); err != nil {
			return w.stopped(fmt.Errorf("email: wait for mail: %w", err))
		}
	}
	return ctx.Err()
}

// begin opens the folder and finds where to read on. The first start begins behind what is there.
func (w *watcher) begin(ctx context.Context) error {
	f, err := w.box.open(w.c.set.Folder, w.c.set.After == "keep")
	if refused(err) {
		return &failure{
			fmt.Errorf("email: open the folder: %w: %w", err, channels.ErrSetup),
			"The mail server does not open the folder " + w.c.set.Folder + ". gateway channels test email lists the folders; set folder in config.yaml.",
		}
	}
	if err != nil {
		return fmt.Errorf("email: open the folder: %w", err)
	}
	mark, err := w.c.o.Mark(ctx, w.mark())
	if err != nil {
		return fmt.Errorf("email: read the mark: %w", err)
	}
	n, err := fmt.Sscan(mark, &w.at.validity, &w.at.uid, &w.at.date)
	switch {
	case n < 3 || err != nil:
		w.at = cursor{f.validity, f.next - 1, time.Now().Unix()}
		return w.hand(ctx, channels.Batch{Marks: map[string]string{w.mark(): w.at.String()}})
	case w.at.validity != f.validity:
		return w.renumbered(ctx, f)
	}
	return nil
}

// mark names the cursor. It is the folder's: another mailbox has other numbers.
func (w *watcher) mark() string {
	return "uid:" + w.c.o.Secrets.Secret("username").Reveal() + "@" + w.c.set.IMAPHost + "/" + w.c.set.Folder
}

// renumbered takes what came since the last mail, by its date: the folder was made anew and its numbers mean nothing
// any more. What was taken before has the same id again, and is not taken twice.
func (w *watcher) renumbered(ctx context.Context, f folder) error {
	w.c.o.Log.Warn("the mail folder was renumbered; what is new is told by date")
	uids, err := w.box.since(time.Unix(w.at.date, 0).AddDate(0, 0, -1)) // a day: servers differ in their time zone
	if err != nil {
		return fmt.Errorf("email: look for mail: %w", err)
	}
	old, from := w.at, w.at.date
	for part := range slices.Chunk(uids, window) {
		heads, err := w.box.heads(part)
		if err != nil {
			return fmt.Errorf("email: look at mail: %w", err)
		}
		heads = slices.DeleteFunc(heads, func(h head) bool { return h.date.Unix() < from })
		// Until all are taken the old mark stands.
		if err := w.take(ctx, heads, func(head) cursor { return old }); err != nil {
			return err
		}
	}
	w.at = cursor{f.validity, max(f.next, 1) - 1, max(from, w.at.date)}
	if n := len(uids); n > 0 {
		w.at.uid = max(w.at.uid, uids[n-1])
	}
	return w.hand(ctx, channels.Batch{Marks: map[string]string{w.mark(): w.at.String()}})
}

// look takes what is new.
func (w *watcher) look(ctx context.Context) error {
	uids, err := w.box.above(w.at.uid)
	if err != nil {
		return fmt.Errorf("email: look for mail: %w", err)
	}
	for part := range slices.Chunk(uids, window) {
		heads, err := w.box.heads(part)
		if err != nil {
			return fmt.Errorf("email: look at mail: %w", err)
		}
		err = w.take(ctx, heads, func(h head) cursor {
			return cursor{w.at.validity, h.uid, max(w.at.date, h.date.Unix())}
		})
		if err != nil {
			return err
		}
		w.at.uid = max(w.at.uid, part[len(part)-1]) // those that are gone meanwhile
	}
	return nil
}

// take reads mails and hands them in, a few megabytes at a time; after says where the cursor stands behind a mail.
func (w *watcher) take(ctx context.Context, heads []head, after func(head) cursor) error {
	for len(heads) > 0 {
		n, size := 0, int64(0)
		for n < len(heads) && (n == 0 || size+w.most(heads[n]) <= windowBytes) {
			size += w.most(heads[n])
			n++
		}
		raws, err := w.read(heads[:n])
		if err != nil {
			return err
		}
		b, took, err := w.batch(ctx, heads[:n], raws)
		if err != nil {
			return err
		}
		next := after(heads[n-1])
		b.Marks[w.mark()] = next.String()
		if err := w.hand(ctx, b); err != nil {
			return err
		}
		w.at = next
		for key, text := range b.Marks {
			w.c.remember(key, text)
		}
		if err := w.done(took); err != nil {
			return err
		}
		heads = heads[n:]
	}
	return nil
}

// most is what is read of a mail.
func (w *watcher) most(h head) int64 {
	if h.size > w.limit() {
		return partOfLarge
	}
	return w.limit()
}

// limit is the size of a mail that is read whole: attachments grow by a third on their way.
func (w *watcher) limit() int64 { return int64(w.c.set.AttachmentLimit)<<20*3/2 + 1<<20 }

// read reads mails. One that the server cannot give is left out; it does not stop the others.
func (w *watcher) read(heads []head) (map[uint32][]byte, error) {
	raws := map[uint32][]byte{}
	for _, large := range []bool{false, true} {
		var uids []uint32
		most := w.limit()
		for _, h := range heads {
			if (h.size > w.limit()) == large {
				uids = append(uids, h.uid)
			}
		}
		if large {
			most = partOfLarge
		}
		if len(uids) == 0 {
			continue
		}
		keep := func(uid uint32, raw []byte) { raws[uid] = raw }
		err := w.box.read(uids, most, keep)
		if refused(err) && len(uids) > 1 {
			for _, uid := range uids {
				if err = w.box.read([]uint32{uid}, most, keep); err != nil && !refused(err) {
					break
				}
			}
		}
		if refused(err) {
			w.c.o.Log.Warn("email: the server does not give a mail", "err", err)
			err = nil
		}
		if err != nil {
			return nil, fmt.Errorf("email: read mail: %w", err)
		}
	}
	return raws, nil
}

// batch makes messages of mails, and says which mails were taken. What machines sent is left out.
func (w *watcher) batch(ctx context.Context, heads []head, raws map[uint32][]byte) (channels.Batch, []uint32, error) {
	b := channels.Batch{Marks: map[string]string{}}
	var took []uint32
	for _, h := range heads {
		raw, ok := raws[h.uid]
		if !ok {
			continue
		}
		m, err := w.c.parse(raw, h.size > w.limit())
		if err == nil {
			err = w.c.judge(m, h.date)
		}
		if err != nil {
			w.c.o.Log.Info("email: a mail is not answered", "uid", h.uid, "why", err.Error())
			if err := w.c.cameBack(ctx, m); err != nil {
				return b, nil, err
			}
			continue
		}
		if h.thread != "" {
			m.index = "given." + h.thread
		}
		if m.index != "" {
			m.index += " " + m.from // each has a conversation of their own in it
		}
		msg := m.message(h.date)
		t := talk{m.id, orElse(m.from, "nobody@nowhere.invalid")}
		if m.vouched {
			var th thread
			if t, th, err = w.c.place(ctx, m); err != nil {
				return b, nil, err
			}
			if err := w.c.note(b.Marks, th); err != nil {
				return b, nil, err
			}
			if m.index != "" {
				if err := w.c.note(b.Marks, thread{Talk: th.Talk, Index: m.index}); err != nil {
					return b, nil, err
				}
			}
			took = append(took, h.uid)
		}
		msg.Conversation = t.conversation()
		b.Messages = append(b.Messages, msg)
	}
	return b, took, nil
}

// hand gives a batch to the core until it takes it.
func (w *watcher) hand(ctx context.Context, b channels.Batch) error {
	for try := 0; ; try++ {
		err := w.h(ctx, b)
		if err == nil {
			return nil
		}
		if try == 3 {
			w.report(status.Degraded, "Messages cannot be kept at the moment; the mailbox holds them until they can.")
		}
		w.c.o.Log.Debug("email: messages were not kept", "err", err)
		if err := adapter.Pause(ctx, adapter.Backoff(try, w.c.times.tick/4, 5*time.Second)); err != nil {
			return err
		}
	}
}

// done marks or moves the mails that the core has.
func (w *watcher) done(uids []uint32) (err error) {
	switch {
	case len(uids) == 0 || w.c.set.After == "keep":
		return nil
	case w.c.set.After == "move":
		err = w.box.move(uids, w.c.set.MoveTo)
	default:
		err = w.box.seen(uids)
	}
	if refused(err) {
		w.c.troubles.set(cannotMark, "Mail is answered, but the server refuses to mark or move it. Check move_to, and what the mailbox's user may do.", time.Time{})
		w.c.o.Log.Warn("email: mail was not marked", "err", err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("email: mark mail: %w", err)
	}
	w.c.troubles.mended(cannotMark)
	return nil
}

// stopped reports why Run ends.
func (w *watcher) stopped(err error) error {
	var f interface{ UserMessage() string }
	say := ""
	if errors.As(err, &f) {
		say = f.UserMessage()
	}
	switch {
	case errors.Is(err, channels.ErrRejected):
		w.report(status.Rejected, say)
	case errors.Is(err, channels.ErrSetup):
		w.report(status.Failed, say)
	case errors.Is(err, context.Canceled):
	default:
		w.report(status.Connecting, orElse(say, "The mail server cannot be reached: "+reason(err)+". Trying again."))
	}
	return err
}

// report tells the core what goes on: at every change, and now and then that it is alive.
func (w *watcher) report(s status.State, detail string) {
	if s == status.Connected && detail != "" {
		s = status.Degraded
	}
	if s == w.state && detail == w.text && time.Since(w.told) < reportEach {
		return
	}
	w.state, w.text, w.told = s, detail, time.Now()
	r := status.Channel{State: s, Detail: detail, Bot: w.c.own(), Notices: w.c.troubles.now()}
	if w.box != nil {
		r.Alive = time.Now()
	}
	w.c.o.Report(r)
}

// reason says in a few words why the server cannot be reached.
func reason(err error) string {
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns):
		return "the name " + dns.Name + " is not found"
	case errors.Is(err, context.DeadlineExceeded) || isTimeout(err):
		return "it does not answer"
	}
	return "the connection fails"
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}
