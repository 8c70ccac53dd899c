package providerauth

import (
	"chatgateway/internal/jsonfile"
	"chatgateway/internal/secret"
)

// secrets are what nobody may see of a credential; a reference is none by itself.
func (c Credential) secrets() (list []secret.String) {
	if c.Type == OAuth || !jsonfile.IsReference(c.Key.Reveal()) {
		list = append(list, c.Key)
	}
	return append(list, c.Access, c.Refresh)
}

// learnAll tells Learn what a view holds, the environment included; all at once, for each call that brings a new one
// costs more the more there are.
func (m *Manager) learnAll(v *view) {
	var all []secret.String
	for _, c := range v.creds {
		all = append(all, c.secrets()...)
	}
	for i := range v.schemes {
		p := v.byID[v.schemes[i].ID]
		for _, c := range p.over {
			all = append(all, c.Key)
		}
		for _, name := range p.env {
			all = append(all, secret.New(CleanKey(m.env(name))))
		}
	}
	m.learn(all...)
}
