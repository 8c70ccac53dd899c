package emailtest

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"testing"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// Mails gives the mails in a user's folder, the oldest first, and their flags, as a mail program sees them.
func (r *Real) Mails(t testing.TB, user, folder string) (raws [][]byte, flags [][]imap.Flag) {
	t.Helper()
	pem, err := os.ReadFile(r.CA)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	c, err := imapclient.DialTLS(fmt.Sprintf("127.0.0.1:%d", r.IMAPS), &imapclient.Options{TLSConfig: &tls.Config{RootCAs: roots, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if err := c.Login(user, Password).Wait(); err != nil {
		t.Fatal(err)
	}
	box, err := c.Select(folder, &imap.SelectOptions{ReadOnly: true}).Wait()
	if err != nil || box.NumMessages == 0 {
		return nil, nil // nobody wrote yet
	}
	var all imap.SeqSet
	all.AddRange(1, 0)
	list, err := c.Fetch(all, &imap.FetchOptions{Flags: true, BodySection: []*imap.FetchItemBodySection{{Peek: true}}}).Collect()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range list {
		raws, flags = append(raws, m.BodySection[0].Bytes), append(flags, m.Flags)
	}
	return raws, flags
}

// Lay lays mails into a user's inbox as they are, past SMTP, which would mend them.
func (r *Real) Lay(t testing.TB, user string, raws [][]byte) {
	t.Helper()
	for i, raw := range raws {
		write(t, fmt.Sprintf("%s/lay/1800000000.M%06d.here", r.dir, i), string(raw))
	}
	box := r.dir + "/mail/" + user
	r.root(t, fmt.Sprintf("mkdir -p %[1]s/cur %[1]s/new %[1]s/tmp && chown -R nobody %[1]s %[2]s/lay && mv %[2]s/lay/* %[1]s/new/", box, r.dir))
}
