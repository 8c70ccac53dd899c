package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/gofrs/flock"

	"chatgateway/access"
	"chatgateway/internal/status"
	"chatgateway/providerauth"
	"chatgateway/providers"
)

// settings looks at what only the program can see of config.yaml.
func (d *doctor) settings() {
	if slices.ContainsFunc(d.found, func(f finding) bool { return f.Area == "settings" }) {
		return
	}
	named := map[string]string{"model": d.config.Model}
	for i, f := range d.config.Fallbacks {
		named[fmt.Sprintf("fallbacks[%d]", i)] = f
	}
	for name, to := range d.config.Aliases {
		named["aliases."+name] = to
	}
	good := true
	for _, setting := range sortedKeys(named) {
		text := named[setting]
		if to, ok := d.config.Aliases[text]; ok {
			text = to
		}
		if text == "" {
			continue
		}
		ref, ok := providers.ParseRef(text)
		if !ok {
			continue // a model's name alone is looked for among all
		}
		if _, err := d.auth.Scheme(ref.Provider); err != nil {
			good = false
			d.add(severe, "settings", fmt.Sprintf("%s: there is no provider %q", d.config.Where(setting), ref.Provider), "gateway models list shows the models")
		}
	}
	if good {
		d.add(notice, "settings", "config.yaml is good", "")
	}
}

// channels looks at the tokens of every account.
func (d *doctor) channels() {
	h := &host{home: d.home, env: d.app.env, config: d.config, tokens: d.tokens, auth: d.auth}
	owners := map[string]string{} // of a token, by its fingerprint
	locks := findBotLocks(d.home, slog.New(slog.DiscardHandler))
	for _, acc := range h.channelAccounts() {
		if acc.Service.Local || strings.HasPrefix(acc.Off, "switched off") {
			continue
		}
		missing, given := 0, 0
		for _, f := range h.fields(acc) {
			switch {
			case f.Problem != "":
				d.add(severe, "channels", f.Problem, fmt.Sprintf("gateway channels set %s %s", acc.ID, f.Field))
				given++
			case f.From == "" && !f.Optional:
				missing++
			case f.From != "":
				given++
			}
		}
		_, meant := d.config.Channels[string(acc.ID)]
		switch {
		case missing > 0 && (given > 0 || meant || strings.Contains(string(acc.ID), ":")):
			d.add(warning, "channels", fmt.Sprintf("%s does not run: %s", acc.ID, acc.Off), fmt.Sprintf("gateway channels set %s", acc.ID))
		case missing == 0 && acc.Off == "":
			d.add(notice, "channels", fmt.Sprintf("%s has what it needs", acc.ID), fmt.Sprintf("try it: gateway channels test %s", acc.ID))
		}
		for _, f := range acc.Service.Secrets {
			v := acc.Secrets.Secret(f.Name)
			if f.Plain || f.Shared || v.Empty() {
				continue
			}
			if first, twice := owners[v.Fingerprint()]; twice {
				d.add(severe, "channels", fmt.Sprintf("%s and %s have the same token; two bots on one token take each other's messages", first, acc.ID),
					fmt.Sprintf("gateway channels set %s %s", acc.ID, f.Name))
			}
			owners[v.Fingerprint()] = string(acc.ID)
		}
		if who, held := locks.heldBy(acc.Service, acc.Secrets); held {
			d.add(severe, "channels", string(acc.ID)+": "+(&botHeld{who}).UserMessage(),
				fmt.Sprintf("stop process %d, or give this one a bot of its own: gateway channels set %s", who.PID, acc.ID))
		}
	}
	if d.live == nil {
		return
	}
	for _, c := range d.live.Channels {
		switch c.State {
		case status.Rejected, status.Failed:
			d.add(severe, "channels", fmt.Sprintf("%s is %s: %s", c.Account, c.State, c.Detail), "gateway channels test "+c.Account)
		case status.Degraded, status.Connecting:
			d.add(warning, "channels", fmt.Sprintf("%s is %s: %s", c.Account, c.State, c.Detail), "gateway channels test "+c.Account)
		}
	}
}

// logins looks at the logins to model providers.
func (d *doctor) logins(ctx context.Context) {
	rows, err := d.auth.Status(ctx, "")
	if err != nil {
		d.add(severe, "logins", message(err), "mend auth/providers.json, or put a backup in its place")
		return
	}
	any := false
	for _, r := range rows {
		if !r.Configured || r.Source == string(providerauth.FromNone) {
			continue
		}
		any = true
		text, again := r.ID+": "+describeRow(r), "gateway login "+r.ID
		switch {
		case r.State == providerauth.StateNeedsLogin, r.State == providerauth.StateExpired && !r.Renews, r.State == providerauth.StateMissing:
			d.add(severe, "logins", text, again)
		case d.isSecond(r):
			d.add(warning, "logins", text, "gateway auth logout "+r.ID)
		case r.State == providerauth.StateExpiring:
			d.add(warning, "logins", text, again)
		case r.Renews && r.LastError != "":
			d.add(warning, "logins", text, "it is tried again by itself; if it goes on: "+again)
		default:
			d.add(notice, "logins", text, "")
		}
		if _, err := d.auth.Scheme(providerauth.ID(r.ID).Provider()); err != nil {
			d.add(warning, "logins", fmt.Sprintf("%s: this gateway has no provider of this name; the record is kept", r.ID), "gateway logout "+r.ID)
		}
	}
	if !any {
		d.add(warning, "logins", "there is no login to a model provider", "gateway login")
	}
}

// isSecond reports whether another record of the same account, under another name of the provider, goes first.
func (d *doctor) isSecond(r status.Provider) bool {
	id := providerauth.ID(r.ID)
	s, err := d.auth.Scheme(id.Provider())
	return err == nil && r.Source == string(providerauth.FromStore) && d.auth.At(providerauth.MakeID(s.ID, id.Account())) != id
}

// access looks at who may talk to the bot.
func (d *doctor) access() {
	conf := accessConfig(d.config, d.tokens.Accounts())
	found := conf.Problems()
	for _, p := range found {
		d.risk(warning, "access", p, "change it in config.yaml; gateway access list shows who may talk to the bot")
	}
	guests := slices.ContainsFunc(slices.Collect(maps.Values(conf.Accounts)), func(a access.Account) bool { return len(a.AllowFrom)+len(a.Roles) > 0 })
	if _, limited := conf.Models[access.User]; guests && !limited {
		d.risk(notice, "access", "users may use every model, at the owner's cost", "list the ones they may use in models.allow.user of config.yaml")
	}
	if guests && conf.TurnsPerHour <= 0 {
		d.risk(warning, "access", "users may ask as often as they like, at the owner's cost", "set limits.turns_per_hour in config.yaml")
	}
	if len(found) == 0 {
		d.risk(notice, "access", "closed: only those who were let in may talk to the bot", "")
	}
}

// wires looks for keys that would cross a network in the clear.
func (d *doctor) wires() {
	for _, id := range sortedKeys(d.config.Providers) {
		u, err := url.Parse(d.config.Providers[id].BaseURL)
		if err == nil && u.Scheme == "http" && !loopbackAddr(net.JoinHostPort(u.Hostname(), "0")) {
			d.risk(warning, "settings", fmt.Sprintf("%s: keys and messages go to %s in the clear", d.config.Where("providers."+id+".base_url"), u.Host),
				"write https:// there, or reach it through a tunnel")
		}
	}
}

// page looks at where the page can be reached from.
func (d *doctor) page() {
	p := d.config.Page
	addr, _ := p.Address()
	switch {
	case !p.Enabled:
		d.risk(notice, "page", "switched off", "")
	case loopbackAddr(addr):
		d.risk(notice, "page", "on this host alone ("+addr+")", "")
	case p.TLSCert == "" && !p.BehindProxy:
		d.risk(severe, "page", "open beyond this host without TLS ("+addr+")", "set page.tls_cert and page.tls_key in config.yaml, or page.behind_proxy behind a proxy that has it")
	default:
		d.risk(warning, "page", "open beyond this host ("+addr+"); whoever has a link gets in", "leave page.listen out of config.yaml if that is not meant")
	}
	for _, file := range []string{p.TLSCert, p.TLSKey} {
		if file == "" {
			continue
		}
		info, err := os.Stat(file)
		if err != nil {
			d.add(severe, "page", file+" cannot be read", "check page.tls_cert and page.tls_key in config.yaml")
		} else if file == p.TLSKey && othersMay(info, 0o077) {
			f := d.risk(severe, "page", fmt.Sprintf("%s: others may read the key of the certificate (mode %04o)", file, info.Mode().Perm()), "chmod 0600 "+file)
			f.Fixable, f.fix = true, narrow(file)
		}
	}
}

func loopbackAddr(addr string) bool {
	name, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(name)
	return name == "localhost" || err == nil && ip.IsLoopback()
}

// store looks at gateway.db without writing to it.
func (d *doctor) store(ctx context.Context) {
	info, err := os.Lstat(d.home.Store())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.add(notice, "store", "no messages are kept yet", "")
		return
	case err != nil:
		d.add(severe, "store", "gateway.db cannot be looked at", "check its permissions")
		return
	}
	u := url.URL{Scheme: "file", Path: d.home.Store(), RawQuery: "mode=ro&_pragma=busy_timeout(2000)"}
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		d.add(severe, "store", "gateway.db cannot be opened", "put a backup in its place")
		return
	}
	defer db.Close() //nolint:errcheck // only read
	var version int
	var engine, verdict string
	err = db.QueryRowContext(ctx, "SELECT version FROM schema_version").Scan(&version)
	if err == nil {
		err = db.QueryRowContext(ctx, "SELECT sqlite_version()").Scan(&engine)
	}
	if err == nil && info.Size() < 256<<20 { // a larger one would take long
		err = db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict)
	}
	switch {
	case err != nil:
		d.add(severe, "store", fmt.Sprintf("gateway.db cannot be read: %v", err), "stop the gateway, keep a copy, and put a backup in its place")
	case verdict != "" && verdict != "ok":
		d.add(severe, "store", "gateway.db is damaged", "stop the gateway, keep a copy, and put a backup in its place")
	default:
		d.add(notice, "store", fmt.Sprintf("gateway.db: %.1f MB, version %d, SQLite %s", float64(info.Size())/1e6, version, engine), "")
	}
}

// gateway looks at the running one.
func (d *doctor) gateway() {
	held := false
	if _, err := os.Stat(d.home.Lock()); err == nil {
		l := flock.New(d.home.Lock())
		got, err := l.TryRLock()
		held = err == nil && !got
		_ = l.Close()
	}
	switch {
	case d.live != nil && d.live.Version != buildVersion():
		d.add(warning, "gateway", fmt.Sprintf("version %s runs (process %d), and this is %s", d.live.Version, d.live.PID, buildVersion()), "restart it")
	case d.live != nil:
		d.add(notice, "gateway", fmt.Sprintf("runs, process %d", d.live.PID), "")
	case held:
		d.add(severe, "gateway", fmt.Sprintf("process %d holds the home folder and does not answer: a second gateway, a chat that runs alone, or one that hangs", holder(d.home)), "stop it, then: gateway serve")
	default:
		d.add(notice, "gateway", "does not run", "gateway serve")
	}
	if d.live != nil {
		for _, w := range d.live.Warnings {
			d.add(warning, "gateway", strings.TrimSuffix(w, "."), "mend it; gateway status shows when it is over")
		}
	}
}
