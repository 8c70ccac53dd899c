package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Validate says what cannot be meant: addresses that are none, settings that exclude each other, names of accounts and
// providers that do not exist. Load has done it already; it is for a Config that was changed since. The error is an
// *Error.
func (c *Config) Validate(known Known) error { return problems(c.file, c.check(known)) }

// checker collects mistakes.
type checker struct {
	c     *Config
	known Known
	found []Problem
}

func (c *Config) check(known Known) []Problem {
	k := &checker{c: c, known: known}
	k.models()
	k.limits()
	k.accounts()
	k.page()
	for _, id := range keys(c.Providers) {
		k.provider(id, c.Providers[id])
	}
	for _, id := range keys(c.SignIn) {
		k.signIn(id, c.SignIn[id])
	}
	return k.found
}

// problem places a mistake at the setting, or at the nearest one around it that stands in the file.
func (c *Config) problem(setting, text string) Problem {
	p := Problem{File: c.file, Setting: setting, Text: text}
	for at := setting; at != ""; {
		if pos, ok := c.at[at]; ok {
			p.Line, p.Column = pos.line, pos.column
			break
		}
		at = at[:max(strings.LastIndexAny(at, ".["), 0)]
	}
	return p
}

func (k *checker) wrong(setting, format string, args ...any) {
	k.found = append(k.found, k.c.problem(setting, fmt.Sprintf(format, args...)))
}

func (k *checker) models() {
	c := k.c
	for _, name := range keys(c.Aliases) {
		switch {
		case name == "" || strings.ContainsAny(name, "/ \t"):
			k.wrong("aliases."+name, "a short name has no slash and no space in it")
		case strings.TrimSpace(c.Aliases[name]) == "":
			k.wrong("aliases."+name, "it stands for nothing; want a model, like openai/gpt-5-mini")
		default:
			k.model("aliases."+name, c.Aliases[name])
		}
	}
	if c.Model != "" {
		k.model("model", c.Model)
	}
	for i, ref := range c.Fallbacks {
		k.model(fmt.Sprintf("fallbacks[%d]", i), ref)
	}
	for _, account := range keys(c.Places) {
		for _, id := range keys(c.Places[account]) {
			if p := c.Places[account][id]; p.Model != "" {
				k.model(join(join(join("places", account), id), "model"), p.Model)
			}
		}
	}
	for _, role := range keys(c.Models.Allow) {
		if role != "user" && role != "owner" {
			k.wrong("models.allow."+role, "%s", unknown("role", role, []string{"user", "owner"}))
		}
	}
	for _, provider := range keys(c.Auth.Order) {
		k.providerName("auth.order."+provider, provider)
	}
	if c.MaxOutput < 0 {
		k.wrong("max_output", "it cannot be less than nothing")
	}
}

// model checks that a text is an alias, or names a provider and a model of its.
func (k *checker) model(setting, text string) {
	text = strings.TrimSpace(text)
	if _, ok := k.c.Aliases[strings.ToLower(text)]; ok {
		return
	}
	provider, name, _ := strings.Cut(text, "/")
	id, _, _ := strings.Cut(provider, ":")
	switch {
	case text == "":
		k.wrong(setting, "it is empty; want a model, like openai/gpt-5-mini")
	case id == "" || name == "":
		k.wrong(setting, "want a provider and its model, like openai/gpt-5-mini; gateway models list shows them")
	case !slices.Contains(k.known.Nicknames, id):
		k.providerName(setting, id)
	}
}

// providerName checks that somebody offers the provider.
func (k *checker) providerName(setting, id string) bool {
	all := slices.Concat(k.known.Providers, keys(k.c.SignIn))
	for _, own := range keys(k.c.Providers) {
		if k.c.Providers[own].Protocol != "" {
			all = append(all, own)
		}
	}
	if k.known.Providers == nil || slices.Contains(all, id) {
		return true
	}
	hint := unknown("provider", id, nil)
	if near := nearest(id, all); near != "" {
		hint = fmt.Sprintf("there is no such provider; did you mean %q?", near)
	}
	k.wrong(setting, "%s", hint)
	return false
}

func (k *checker) limits() {
	l := k.c.Limits
	for _, n := range []struct {
		name  string
		value int
		least int
	}{{"turns_per_hour", l.TurnsPerHour, 0}, {"queue", l.Queue, 1}, {"attachments", l.Attachments, 0}} {
		if n.value < n.least {
			k.wrong("limits."+n.name, "it must be at least %d", n.least)
		}
	}
}

// accounts checks that the keys of maps by account name a service.
func (k *checker) accounts() {
	check := func(setting string, accounts []string) {
		for _, account := range accounts {
			service, rest, more := strings.Cut(account, ":")
			if _, ok := k.known.Channels[service]; !ok {
				k.wrong(join(setting, account), "%s", unknown("chat service", service, keys(k.known.Channels)))
			} else if more && !accountShape.MatchString(rest) {
				k.wrong(join(setting, account), "an account's name is made of letters, digits and - . _")
			}
		}
	}
	check("access.owners", keys(k.c.Access.Owners))
	check("access.allow", keys(k.c.Access.Allow))
	check("access.places", keys(k.c.Access.Places))
	check("places", keys(k.c.Places))
}

func (k *checker) page() {
	p := k.c.Page
	if (p.TLSCert == "") != (p.TLSKey == "") {
		k.wrong("page", "tls_cert and tls_key go together; one of them is missing")
	}
	for i, name := range p.Names {
		if name == "" || strings.ContainsAny(name, "/ @?#*") {
			k.wrong(fmt.Sprintf("page.names[%d]", i), "want a host's name, like bot.example.org, without https://")
		}
	}
	if p.BehindProxy && len(p.Names) == 0 {
		k.wrong("page.behind_proxy", "names is missing: by which host names the proxy shows the page")
	}
	if p.Listen == "" || !p.Enabled {
		return
	}
	host, port, err := net.SplitHostPort(p.Listen)
	n, bad := strconv.ParseUint(port, 10, 16)
	if err != nil || bad != nil || n > 65535 {
		k.wrong("page.listen", "want a host and a port, like 127.0.0.1:8765")
		return
	}
	if !loopback(host) && p.TLSCert == "" && !p.BehindProxy {
		k.wrong("page.listen", "beyond this host the page needs TLS (tls_cert and tls_key) or a proxy that has it (behind_proxy: true)")
	}
}

func (k *checker) provider(id string, p Provider) {
	at := "providers." + id
	if p.BaseURL != "" {
		k.address(at+".base_url", p.BaseURL, false)
	}
	switch {
	case p.Protocol == "":
		k.providerName(at, id)
	case slices.Contains(k.known.Providers, id):
		k.wrong(at+".protocol", "the protocol of %s is known; this is for services of your own", id)
	case p.BaseURL == "":
		k.wrong(at, "a service of your own needs base_url")
	}
	for _, name := range keys(p.Headers) {
		if !headerName(name) {
			k.wrong(at+".headers."+name, "this is no name of a header")
		} else if strings.ContainsAny(p.Headers[name].Reveal(), "\r\n\x00") {
			k.wrong(at+".headers."+name, "a header has one line only")
		}
	}
	k.oauth(at+".oauth", p.OAuth)
}

func (k *checker) signIn(id string, s SignIn) {
	at := "sign_in." + id
	k.oauth(at, s.OAuth)
	if !accountShape.MatchString(id) {
		k.wrong(at, "an id is made of letters, digits and - . _")
	}
	if slices.Contains(k.known.Providers, id) {
		k.wrong(at, "there is a provider of this name already; take another id")
	}
	if s.Issuer != "" {
		k.address(at+".issuer", s.Issuer, true)
	}
	if s.BaseURL == "" {
		k.wrong(at, "base_url is missing: the address of the model service behind the sign-in")
	} else {
		k.address(at+".base_url", s.BaseURL, false)
	}
	if s.ClientID == "" {
		k.wrong(at, "client_id is missing")
	}
	switch {
	case s.Issuer != "":
	case s.TokenURL == "":
		k.wrong(at, "want issuer, or token_url and the other addresses")
	case s.Flow == "device" && s.DeviceURL == "":
		k.wrong(at, "with flow: device, device_url is needed")
	case s.Flow != "device" && s.AuthorizeURL == "":
		k.wrong(at, "with flow: code, authorize_url is needed")
	}
}

func (k *checker) oauth(at string, o OAuth) {
	for name, addr := range map[string]string{
		"authorize_url": o.AuthorizeURL, "token_url": o.TokenURL, "device_url": o.DeviceURL, "revoke_url": o.RevokeURL,
	} {
		if addr != "" {
			k.address(at+"."+name, addr, true)
		}
	}
	if u, err := url.Parse(o.RedirectURL); o.RedirectURL != "" && (err != nil || u.Scheme == "") {
		k.wrong(at+".redirect_url", "want an address, like http://127.0.0.1:1455/callback")
	}
}

// address checks a URL of the web; secure ones carry logins and are encrypted, except on this host.
func (k *checker) address(setting, addr string, secure bool) *url.URL {
	u, err := url.Parse(addr)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
		k.wrong(setting, "want an address that begins with https:// or http://")
		return nil
	case u.User != nil:
		k.wrong(setting, "no user name or password in an address; it would be seen in logs")
	case u.RawQuery != "" && !secure || u.Fragment != "":
		k.wrong(setting, "the address has too much: nothing from ? or # on")
	case secure && u.Scheme != "https" && !loopback(u.Hostname()):
		k.wrong(setting, "a login goes over https:// only, except on this host")
	}
	return u
}

func loopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

func headerName(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	}) < 0
}
