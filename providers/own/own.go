// Package own is a model service of the owner's own behind an OAuth 2.0 or OpenID Connect issuer, such as a company's
// proxy behind Keycloak, Entra or Okta. The sign-in is made here, from config.yaml; another provider speaks to the
// service.
package own

import (
	"context"
	"iter"
	"sync"
	"time"

	"chatgateway/login"
	"chatgateway/providerauth"
	"chatgateway/providers"
	"chatgateway/providers/catalog"
	"chatgateway/providers/wire"
)

// Provider is one such service.
type Provider struct {
	inner providers.Provider
	own   providers.Options

	mu    sync.Mutex // guards what follows
	found metadata
	until time.Time // how long found holds
}

// New makes the service o.ID: signed in to as o.SignIn says, spoken to by inner, which was made for o.BaseURL.
func New(o providers.Options, inner providers.Provider) *Provider {
	if o.Name == "" {
		o.Name = o.ID
	}
	o.Client = wire.Client(o.Client)
	return &Provider{inner: inner, own: o}
}

// Redirect is what is to be registered at the issuer where config.yaml sets no other.
const Redirect = "http://localhost:8766/callback"

// Auth implements providers.Provider.
func (p *Provider) Auth() providerauth.Scheme {
	in := p.inner.Auth()
	s := providerauth.Scheme{
		ID: p.own.ID, Name: p.own.Name, Env: p.own.Env, Hosts: in.Hosts, Probe: in.Probe,
		Refresh: func(ctx context.Context, old providerauth.Credential) (providerauth.Credential, error) {
			c, err := p.client(ctx, "renew")
			if err != nil {
				return providerauth.Credential{}, err
			}
			return c.Refresh(ctx, old)
		},
		Revoke: func(ctx context.Context, cred providerauth.Credential) error {
			c, err := p.client(ctx, "revoke")
			if err != nil {
				return err
			}
			return c.Revoke(ctx, cred)
		},
	}
	flow := p.own.SignIn.Flow
	endpoints := p.own.SignIn.Issuer == ""
	if flow == "code" || flow == "" && !(endpoints && p.own.SignIn.AuthorizeURL == "") {
		s.Methods = append(s.Methods, p.method("browser", "Sign in with "+p.own.Name, providerauth.LoopbackMethod))
	}
	if flow == "device" || flow == "" && !(endpoints && p.own.SignIn.DeviceURL == "") {
		s.Methods = append(s.Methods, p.method("device", "Sign in with a code", providerauth.DeviceMethod))
	}
	if endpoints && p.own.SignIn.RevokeURL == "" {
		s.Revoke = nil
	}
	return s
}

// method makes a way to log in whose endpoints are asked of the issuer when it is gone.
func (p *Provider) method(id, name string, make func(id, name string, c providerauth.Client) providerauth.Method) providerauth.Method {
	m := make(id, name, providerauth.Client{})
	m.Login = func(ctx context.Context, pr login.Prompter) (providerauth.Credential, error) {
		c, err := p.client(ctx, "sign in")
		if err != nil {
			return providerauth.Credential{}, err
		}
		return make(id, name, c).Login(ctx, pr)
	}
	return m
}

// Models implements providers.Provider.
func (p *Provider) Models(ctx context.Context, cred providerauth.Credential) ([]catalog.Model, error) {
	return p.inner.Models(ctx, cred)
}

// Stream implements providers.Provider.
func (p *Provider) Stream(ctx context.Context, cred providerauth.Credential, req providers.Request) iter.Seq2[providers.Delta, error] {
	return p.inner.Stream(ctx, cred, req)
}

// Interface guards
var _ providers.Provider = (*Provider)(nil)
