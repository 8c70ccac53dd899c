package providers

import "chatgateway/providerauth"

// Client gives a provider's registration with what the owner set in its place.
func (s SignIn) Client(c providerauth.Client) providerauth.Client {
	for _, f := range []struct {
		to   *string
		from string
	}{
		{&c.AuthorizeURL, s.AuthorizeURL}, {&c.TokenURL, s.TokenURL}, {&c.DeviceURL, s.DeviceURL}, {&c.RevokeURL, s.RevokeURL},
		{&c.RedirectURL, s.RedirectURL}, {&c.ID, s.ClientID},
	} {
		if f.from != "" {
			*f.to = f.from
		}
	}
	if !s.ClientSecret.Empty() {
		c.Secret = s.ClientSecret
	}
	if len(s.Scopes) > 0 {
		c.Scopes = s.Scopes
	}
	return c
}

// Off says why a sign-in is off that a provider means for its own programs, and what turns it on; "" if it is on. id is
// the provider's; why is a sentence.
func (s SignIn) Off(id, why string) string {
	if s.Restricted {
		return ""
	}
	return why + " `providers." + id + ".restricted_sign_in: true` in config.yaml turns it on."
}
