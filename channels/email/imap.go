package email

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// mailbox is what is asked of an IMAP server. All of go-imap, whose interface may still change, stands behind it.
// It is used by one goroutine. Every call ends when the server is silent for too long, or its context ended.
type mailbox interface {
	// open selects a folder; look only: nothing can be changed in it.
	open(name string, look bool) (folder, error)
	folders() ([]string, error)
	// above gives the numbers of the mails above uid, ascending.
	above(uid uint32) ([]uint32, error)
	// since gives the numbers of the mails that came on that day or later.
	since(t time.Time) ([]uint32, error)
	// heads tells size and date; mails that are gone are left out.
	heads(uids []uint32) ([]head, error)
	// read gives of each mail at most so many bytes, and leaves its flags alone.
	read(uids []uint32, most int64, take func(uid uint32, raw []byte)) error
	// seen and move do not take an empty list.
	seen(uids []uint32) error
	move(uids []uint32, to string) error
	// file puts a mail that was read into a folder.
	file(folder string, raw []byte) error
	// wait returns when there may be news, or after d. idles reports whether the server says so by itself.
	wait(ctx context.Context, d time.Duration) error
	idles() bool
	close()
}

type (
	// folder is a folder as it was opened: next is the number that the next mail gets at the least.
	folder struct{ validity, next, mails uint32 }
	head   struct {
		uid    uint32
		size   int64
		date   time.Time // when it came
		thread string    // which thread the server says it to be in; empty: it says nothing
	}
)

// box is a mailbox over go-imap.
type box struct {
	c     *imapclient.Client
	line  *line
	given *given        // nil: the server does not say which threads mails are in
	news  chan struct{} // the server said that something changed
	reply time.Duration
	free  func() bool // stops closing the connection when the context ends
}

// connect connects and signs in. The connection ends with ctx.
func (c *channel) connect(ctx context.Context) (*box, error) {
	b, err := c.arrive(ctx, false)
	if errors.Is(err, errAgain) {
		b, err = c.arrive(ctx, true)
	}
	if err != nil {
		return nil, err
	}
	if b.c.Caps().Has(imap.CapID) { // some hosts let nobody in who does not say who they are
		_, _ = b.c.ID(&imap.IDData{Name: "chatgateway"}).Wait()
	}
	return b, nil
}

// arrive connects and signs in; again: with a renewed token.
func (c *channel) arrive(ctx context.Context, again bool) (*box, error) {
	b, err := c.reach(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.enter(ctx, b.c, again); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

// reach connects, encrypted as set.
func (c *channel) reach(ctx context.Context) (*box, error) {
	l, secure, err := c.dial(ctx, c.set.IMAPHost, c.set.IMAPPort, c.set.IMAPTLS == "tls")
	if err != nil {
		return nil, fmt.Errorf("email: connect to %s: %w", c.set.IMAPHost, err)
	}
	b := &box{line: l.line, news: make(chan struct{}, 1), reply: c.times.reply}
	b.free = context.AfterFunc(ctx, func() { _ = l.line.Close() })
	o := &imapclient.Options{
		UnilateralDataHandler: &imapclient.UnilateralDataHandler{
			Mailbox: func(d *imapclient.UnilateralDataMailbox) {
				if d.NumMessages != nil {
					b.wake()
				}
			},
		},
	}
	conn := l.Conn
	if c.set.IMAPTLS == "starttls" {
		conn, err = startTLS(ctx, l.line, secure)
	}
	if err == nil {
		b.given = &given{Conn: conn}
		b.c = imapclient.New(b.given, o)
		err = b.c.WaitGreeting()
	}
	if err != nil {
		b.free()
		_ = l.Close()
		return nil, fmt.Errorf("email: connect to %s: %w", c.set.IMAPHost, err)
	}
	return b, nil
}

func (b *box) wake() {
	select {
	case b.news <- struct{}{}:
	default:
	}
}

func (b *box) close() {
	b.free()
	_ = b.c.Close() // what is of interest was said before
	<-b.c.Closed()
}

func (b *box) open(name string, look bool) (folder, error) {
	d, err := b.c.Select(name, &imap.SelectOptions{ReadOnly: look}).Wait()
	if err != nil {
		return folder{}, err
	}
	f := folder{d.UIDValidity, uint32(d.UIDNext), d.NumMessages}
	if f.next == 0 { // a server of old
		uids, err := b.above(0)
		if err != nil {
			return folder{}, err
		}
		f.next = 1
		if len(uids) > 0 {
			f.next = uids[len(uids)-1] + 1
		}
	}
	return f, nil
}

func (b *box) folders() ([]string, error) {
	list, err := b.c.List("", "*", nil).Collect()
	var names []string
	for _, d := range list {
		if !slices.Contains(d.Attrs, imap.MailboxAttrNoSelect) {
			names = append(names, d.Mailbox)
		}
	}
	return names, err
}

func (b *box) above(uid uint32) ([]uint32, error) {
	if uid == 1<<32-1 {
		return nil, nil
	}
	select {
	case <-b.news: // what is found now is all that was told of
	default:
	}
	var set imap.UIDSet
	set.AddRange(imap.UID(uid+1), 0)
	uids, err := b.search(&imap.SearchCriteria{UID: []imap.UIDSet{set}})
	// n:* names the last mail even if its number is lower.
	return slices.DeleteFunc(uids, func(u uint32) bool { return u <= uid }), err
}

func (b *box) since(t time.Time) ([]uint32, error) {
	return b.search(&imap.SearchCriteria{Since: t})
}

func (b *box) search(what *imap.SearchCriteria) ([]uint32, error) {
	d, err := b.c.UIDSearch(what, nil).Wait()
	if err != nil {
		return nil, err
	}
	var uids []uint32
	for _, u := range d.AllUIDs() {
		uids = append(uids, uint32(u))
	}
	slices.Sort(uids)
	return slices.Compact(uids), nil
}

func (b *box) heads(uids []uint32) ([]head, error) {
	if len(uids) == 0 {
		return nil, nil
	}
	item := ""
	if b.given != nil {
		item = threadItem(b.c.Caps())
	}
	if item == "" {
		return b.sizes(uids)
	}
	b.given.ask(item)
	list, err := b.sizes(uids)
	threads := b.given.told()
	if refused(err) { // it has the word, but does not do it
		b.given = nil
		return b.sizes(uids)
	}
	for i, h := range list {
		list[i].thread = threads[h.uid]
	}
	return list, err
}

// sizes is heads without the threads.
func (b *box) sizes(uids []uint32) (list []head, err error) {
	cmd := b.c.Fetch(set(uids), &imap.FetchOptions{UID: true, RFC822Size: true, InternalDate: true})
	for m := cmd.Next(); m != nil; m = cmd.Next() {
		var h head
		for item := m.Next(); item != nil; item = m.Next() {
			switch item := item.(type) {
			case imapclient.FetchItemDataUID:
				h.uid = uint32(item.UID)
			case imapclient.FetchItemDataRFC822Size:
				h.size = item.Size
			case imapclient.FetchItemDataInternalDate:
				h.date = item.Time
			}
		}
		if slices.Contains(uids, h.uid) { // else it is news of another mail
			list = append(list, h)
		}
	}
	slices.SortFunc(list, func(a, b head) int { return int(int64(a.uid) - int64(b.uid)) })
	return list, cmd.Close()
}

func (b *box) read(uids []uint32, most int64, take func(uint32, []byte)) error {
	if len(uids) == 0 {
		return nil
	}
	what := &imap.FetchItemBodySection{Peek: true, Partial: &imap.SectionPartial{Size: most}}
	cmd := b.c.Fetch(set(uids), &imap.FetchOptions{UID: true, BodySection: []*imap.FetchItemBodySection{what}})
	for m := cmd.Next(); m != nil; m = cmd.Next() {
		var uid uint32
		var raw []byte
		for item := m.Next(); item != nil; item = m.Next() {
			switch item := item.(type) {
			case imapclient.FetchItemDataUID:
				uid = uint32(item.UID)
			case imapclient.FetchItemDataBodySection:
				if item.Literal == nil {
					continue
				}
				raw, _ = io.ReadAll(io.LimitReader(item.Literal, most)) // a lost connection shows below
			}
		}
		if raw != nil && slices.Contains(uids, uid) {
			take(uid, raw)
		}
	}
	return cmd.Close()
}

func (b *box) seen(uids []uint32) error {
	return b.c.Store(set(uids), &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{imap.FlagSeen}}, nil).Close()
}

func (b *box) move(uids []uint32, to string) error {
	_, err := b.c.Move(set(uids), to).Wait()
	return err
}

func (b *box) file(folder string, raw []byte) error {
	cmd := b.c.Append(folder, int64(len(raw)), &imap.AppendOptions{Flags: []imap.Flag{imap.FlagSeen}})
	_, err := cmd.Write(raw)
	err = errors.Join(err, cmd.Close())
	_, said := cmd.Wait()
	return errors.Join(said, err)
}

func (b *box) idles() bool { return b.c.Caps().Has(imap.CapIdle) }

func (b *box) wait(ctx context.Context, d time.Duration) error {
	defer b.line.allow(b.reply)
	t := time.NewTimer(d)
	defer t.Stop()
	if !b.idles() {
		b.line.allow(d + b.reply)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.C:
		}
		b.line.allow(b.reply)
		return b.c.Noop().Wait()
	}
	b.line.allow(b.reply)
	idle, err := b.c.Idle()
	if err != nil {
		return err
	}
	b.line.allow(d + b.reply)
	select {
	case <-ctx.Done():
	case <-b.c.Closed():
	case <-b.news:
	case <-t.C:
	}
	b.line.allow(b.reply)
	return errors.Join(idle.Close(), idle.Wait())
}

func set(uids []uint32) imap.UIDSet {
	var s imap.UIDSet
	for _, u := range uids {
		s.AddNum(imap.UID(u))
	}
	return s
}

// refused reports whether err is the server's No to a command, on a connection that works.
func refused(err error) bool {
	var no *imap.Error
	return errors.As(err, &no) && no.Type != imap.StatusResponseTypeBye
}

// Interface guards
var _ mailbox = (*box)(nil)
