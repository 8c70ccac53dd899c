package wire

import (
	"context"
	"errors"

	"chatgateway/providerauth"
	"chatgateway/providers"
)

// Site is one of the places where a service has separate customers: a key is good at one of them only.
type Site struct{ Where, Base string }

// Sites are all of a service's, the usual one first; none, where it has but one.
type Sites []Site

// SiteKey is the field of Credential.Extra that holds the base URL of the site that a key is good at.
const SiteKey = "base_url"

// SitesOf gives a service's sites, for one that has others beside the usual.
func SitesOf(where, base string, others []Site) Sites {
	if len(others) == 0 {
		return nil
	}
	return append(Sites{{where, base}}, others...)
}

// Base gives the base URL that a credential is good at: the one it carries, if it is one of these, else usual.
func (ss Sites) Base(cred providerauth.Credential, usual string) string {
	for _, s := range ss {
		if cred.Extra[SiteKey] == s.Base {
			return s.Base
		}
	}
	return usual
}

// Probe tries a credential at base and, where it is refused there, at the other sites, and says which one took it.
// broke says that a key at the wrong site is told it has no credit. The error is that of base.
func (ss Sites) Probe(ctx context.Context, cred providerauth.Credential, base string, broke bool,
	try func(ctx context.Context, cred providerauth.Credential, base string) (providerauth.Finding, error)) (providerauth.Finding, error) {
	found, err := try(ctx, cred, base)
	if !errors.Is(err, providers.ErrUnauthorized) && !(broke && errors.Is(err, providers.ErrBilling)) {
		return found, err
	}
	for _, s := range ss {
		if s.Base == base {
			continue
		}
		if other, oerr := try(ctx, cred, s.Base); oerr == nil {
			return s.found(other, cred), nil
		}
	}
	return found, err
}

// found says at which site a key is good.
func (s Site) found(f providerauth.Finding, cred providerauth.Credential) providerauth.Finding {
	f.Note = "This key belongs to " + s.Where + "; it is used there."
	if cred.Source == providerauth.FromEnv || cred.Source == providerauth.FromRuntime {
		f.Note = "This key belongs to " + s.Where + ": set base_url to " + s.Base + " in config.yaml, or store it with /login."
	}
	f.Extra = map[string]string{SiteKey: s.Base}
	return f
}
