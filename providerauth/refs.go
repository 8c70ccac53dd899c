package providerauth

import (
	"context"
	"path/filepath"
	"strings"

	"chatgateway/internal/jsonfile"
	"chatgateway/internal/secret"
)

// Literal gives the text that stands for a key in the file: the key itself, or with "literal:" before it where it would
// be taken for a reference ("env:", "file:", "exec:"). What somebody typed or a server sent goes through it before Put;
// only the owner's own hand makes references.
func Literal(key secret.String) secret.String { return secret.New(jsonfile.Literal(key)) }

// resolver follows references relative to the folder of the store's file.
func resolver(s Store, env func(string) string) *jsonfile.Resolver {
	r := &jsonfile.Resolver{Env: env}
	if f, ok := s.(interface{ Path() string }); ok {
		r.Dir = filepath.Dir(f.Path())
	}
	return r
}

// open follows the reference in a key or token; other credentials come back as they are. Tokens of a sign-in are never
// references: a server chose them.
func (m *Manager) open(ctx context.Context, c Credential) (Credential, error) {
	if c.Type == OAuth || c.Source != FromStore || !jsonfile.IsReference(c.Key.Reveal()) {
		return c, nil
	}
	key, err := m.refs.Resolve(ctx, c.Key.Reveal())
	if err != nil {
		return Credential{}, err
	}
	c.Key, c.Label = secret.New(CleanKey(key.Reveal())), refLabel(&c)
	m.learn(c.Key)
	return c, nil
}

// leadsNowhere says why the reference in a stored key or token cannot be followed; "" if it can, or is none. No command
// is run for that.
func (m *Manager) leadsNowhere(ctx context.Context, c Credential) string {
	if strings.HasPrefix(c.Key.Reveal(), "exec:") {
		return ""
	}
	if _, err := m.open(ctx, c); err != nil {
		return strings.TrimSuffix(err.Error(), ": "+jsonfile.ErrReference.Error())
	}
	return ""
}

// refLabel says where a reference leads, without following it; "" for what is none.
func refLabel(c *Credential) string {
	if c.Type == OAuth {
		return ""
	}
	kind, rest, _ := strings.Cut(c.Key.Reveal(), ":")
	switch kind {
	case "env", "file":
		return rest
	case "exec":
		return "a command"
	}
	return ""
}
