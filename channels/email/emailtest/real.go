package emailtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/smtp"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Real is Dovecot and Postfix, with folders of their own, on loopback. Every user at gateway.example and people.example
// has a mailbox, and the password Password; but nobody@ is refused, and what is sent to gone@ comes back: it is sent in a circle. All mail bears the server's Authentication-Results: senders
// at people.example pass DMARC, others do not.
type Real struct {
	IMAP, IMAPS             int // IMAP with STARTTLS, and with TLS from the first byte
	Submission, Submissions int // SMTP with STARTTLS, and with TLS from the first byte; both want a sign-in
	In                      int // SMTP for mail from elsewhere
	CA                      string
	dir                     string
}

// Start starts the servers; they end with the test. Where they are not installed the test is left out, but in CI it
// fails. With the address of an authorization server's introspection, its tokens are taken as well (XOAUTH2), of whoever
// they say that they are of.
func Start(t testing.TB, introspection ...string) *Real {
	t.Helper()
	for _, name := range []string{"/usr/sbin/dovecot", "/usr/sbin/postfix"} {
		if _, err := os.Stat(name); err != nil {
			missing(t, name+" is not installed; scripts/setup installs it")
		}
	}
	if os.Getuid() != 0 && exec.Command("sudo", "-n", "true").Run() != nil {
		missing(t, "Postfix must be started by root")
	}
	dir, err := os.MkdirTemp("", "mail") //nolint:usetesting // short: sockets have short names
	if err != nil {
		t.Fatal(err)
	}
	r := &Real{dir: dir, CA: filepath.Join(dir, "cert.pem")}
	var lmtp, auth int
	for _, p := range []*int{&r.IMAP, &r.IMAPS, &r.Submission, &r.Submissions, &r.In, &lmtp, &auth} {
		*p = freePort(t)
	}
	certificate(t, dir)
	fill := strings.NewReplacer("DIR", dir, "IMAPSPORT", fmt.Sprint(r.IMAPS), "IMAPPORT", fmt.Sprint(r.IMAP), "LMTPPORT", fmt.Sprint(lmtp), "AUTHPORT", fmt.Sprint(auth),
		"SUBMISSIONSPORT", fmt.Sprint(r.Submissions), "SUBMISSIONPORT", fmt.Sprint(r.Submission), "INPORT", fmt.Sprint(r.In), "PASSWORD", Password, "TRUSTED", Trusted)
	imap := dovecotConf
	if len(introspection) > 0 {
		imap = strings.Replace(imap, "plain login", "plain login xoauth2", 1) + oauthPassdb
		write(t, filepath.Join(dir, "oauth2.conf"), "introspection_mode = post\nintrospection_url = "+introspection[0]+
			"\nusername_attribute = sub\nusername_format = %n\nactive_attribute = active\nactive_value = true\n")
	}
	for name, text := range map[string]string{"dovecot.conf": imap, "etc/main.cf": mainCf, "etc/master.cf": masterCf, "etc/senders": senders, "etc/boxes": "!/^nobody@/ OK\n",
		"etc/ways": "/^gone@/ smtp:[127.0.0.1]:INPORT\n"} {
		write(t, filepath.Join(dir, name), fill.Replace(text))
	}
	r.root(t, "chmod 755 "+dir+" && mkdir -p "+dir+"/queue "+dir+"/data "+dir+"/mail && chown postfix "+dir+"/data && chown nobody "+dir+"/mail")
	t.Cleanup(func() {
		r.try("postfix -c " + dir + "/etc stop; doveadm -c " + dir + "/dovecot.conf stop; rm -rf " + dir)
	})
	r.root(t, "{ dovecot -c "+dir+"/dovecot.conf && postfix -c "+dir+"/etc start; } </dev/null >"+dir+"/start.log 2>&1") // they keep what they were given open
	for _, p := range []int{r.IMAP, r.IMAPS, r.Submission, r.Submissions, r.In, lmtp} {
		r.wait(t, p)
	}
	return r
}

func missing(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// Deliver brings a mail from elsewhere.
func (r *Real) Deliver(t testing.TB, from, to string, raw []byte) {
	t.Helper()
	if err := smtp.SendMail(fmt.Sprintf("127.0.0.1:%d", r.In), nil, from, []string{to}, raw); err != nil {
		t.Fatalf("deliver: %v\n%s", err, r.Log())
	}
}

// Kick ends a user's IMAP connections.
func (r *Real) Kick(user string) { r.try("doveadm -c " + r.dir + "/dovecot.conf kick " + user) }

// Fill puts n mails into a user's inbox, past SMTP.
func (r *Real) Fill(t testing.TB, user string, n int, raw []byte) {
	t.Helper()
	write(t, filepath.Join(r.dir, "one.eml"), string(raw))
	box := r.dir + "/mail/" + user
	r.root(t, fmt.Sprintf("mkdir -p %[1]s/cur %[1]s/new %[1]s/tmp && cp %[2]s/one.eml %[1]s/tmp/one && chmod 755 %[2]s/mail && chown -R %[3]d %[1]s", box, r.dir, os.Getuid()))
	for i := range n {
		if err := os.Link(box+"/tmp/one", fmt.Sprintf("%s/cur/1700000000.M%d.here:2,", box, i)); err != nil {
			t.Fatal(err)
		}
	}
	r.root(t, "rm "+box+"/tmp/one && chown -R nobody "+box)
}

// Log is what the servers said.
func (r *Real) Log() string {
	out, _ := sudo("tail -n 40 " + r.dir + "/*.log").CombinedOutput()
	return string(out)
}

// root carries out a shell command as root.
func (r *Real) root(t testing.TB, command string) {
	t.Helper()
	if out, err := sudo(command).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s\n%s", command, err, out, r.Log())
	}
}

func (r *Real) try(command string) { _ = sudo(command).Run() }

func sudo(command string) *exec.Cmd {
	command = "PATH=$PATH:/usr/sbin:/sbin; " + command
	if os.Getuid() == 0 {
		return exec.Command("sh", "-c", command)
	}
	return exec.Command("sudo", "-n", "sh", "-c", command)
}

func (r *Real) wait(t testing.TB, port int) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; <-time.After(20 * time.Millisecond) {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			_ = c.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("port %d: %v\n%s", port, err, r.Log())
		}
	}
}

func freePort(t testing.TB) int {
	t.Helper()
	l := listen(t)
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

func write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// certificate makes a certificate for loopback that vouches for itself.
func certificate(t testing.TB, dir string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mail for tests"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	k, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "cert.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	write(t, filepath.Join(dir, "key.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: k})))
}

const dovecotConf = `
base_dir = DIR/run
state_dir = DIR/state
log_path = DIR/dovecot.log
protocols = imap lmtp
listen = 127.0.0.1
ssl = required
ssl_cert = <DIR/cert.pem
ssl_key = <DIR/key.pem
mail_location = maildir:DIR/mail/%u
# Where the system has no inotify instance left, Dovecot looks by the clock: every half minute if nothing is set.
mailbox_idle_check_interval = 1s
mail_uid = nobody
mail_gid = nogroup
first_valid_uid = 1
first_valid_gid = 1
auth_mechanisms = plain login
auth_failure_delay = 0
mail_max_userip_connections = 50
passdb {
  driver = static
  mechanisms = plain login
  args = password=PASSWORD
}
userdb {
  driver = static
  args = uid=nobody gid=nogroup home=DIR/mail/%u allow_all_users=yes
}
service imap-login {
  chroot =
  inet_listener imap {
    address = 127.0.0.1
    port = IMAPPORT
  }
  inet_listener imaps {
    address = 127.0.0.1
    port = IMAPSPORT
    ssl = yes
  }
}
service lmtp {
  inet_listener lmtp {
    address = 127.0.0.1
    port = LMTPPORT
  }
}
service auth {
  inet_listener {
    address = 127.0.0.1
    port = AUTHPORT
  }
}
namespace inbox {
  inbox = yes
  separator = /
}
`

const oauthPassdb = `
passdb {
  driver = oauth2
  mechanisms = xoauth2
  args = DIR/oauth2.conf
}
`

const mainCf = `
compatibility_level = 3.6
queue_directory = DIR/queue
data_directory = DIR/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = DIR/postfix.log
maillog_file_prefixes = DIR
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = TRUSTED
mydestination =
local_recipient_maps =
mynetworks =
virtual_mailbox_domains = gateway.example, people.example
virtual_mailbox_maps = regexp:DIR/etc/boxes
transport_maps = regexp:DIR/etc/ways
virtual_transport = lmtp:inet:127.0.0.1:LMTPPORT
smtpd_tls_cert_file = DIR/cert.pem
smtpd_tls_key_file = DIR/key.pem
smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:127.0.0.1:AUTHPORT
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
smtpd_recipient_restrictions = reject_unlisted_recipient, permit_sasl_authenticated, reject_unauth_destination
message_size_limit = 3000000
alias_maps =
alias_database =
`

const masterCf = `
127.0.0.1:INPORT inet n - n - - smtpd
  -o smtpd_sender_restrictions=check_sender_access,regexp:DIR/etc/senders
127.0.0.1:SUBMISSIONPORT inet n - n - - smtpd
  -o smtpd_tls_security_level=encrypt -o smtpd_sasl_auth_enable=yes -o smtpd_sender_restrictions=check_sender_access,regexp:DIR/etc/senders
127.0.0.1:SUBMISSIONSPORT inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes -o smtpd_sasl_auth_enable=yes -o smtpd_sender_restrictions=check_sender_access,regexp:DIR/etc/senders
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
`

const senders = `/@(people\.example)$/ PREPEND Authentication-Results: TRUSTED; dmarc=pass header.from=$1
/./ PREPEND Authentication-Results: TRUSTED; dmarc=fail
`
