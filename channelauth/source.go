package channelauth

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"chatgateway/internal/jsonfile"
	"chatgateway/internal/secret"
)

// account is one account's view of a File.
type account struct {
	file  *File
	id    string
	env   map[string]string // field → variable
	plain map[string]bool   // fields that are not secret by themselves
}

// Secret implements Source. Where the stored value is a reference it may take as long as that takes, ten seconds for a
// command that hangs; what cannot be found is the empty secret.
func (a *account) Secret(field string) secret.String {
	v, _, _ := a.find(field)
	return v
}

// From implements Source.
func (a *account) From(field string) string {
	_, from, _ := a.find(field)
	return from
}

// Store implements Source. An empty value blanks the field.
func (a *account) Store(ctx context.Context, values map[string]secret.String) error {
	texts := make(map[string]string, len(values))
	for field, v := range values {
		v = secret.New(strings.TrimSpace(v.Reveal()))
		a.file.renew(a.Secret(field), v)
		texts[field] = jsonfile.Literal(v)
	}
	return a.file.change(ctx, func(d *jsonfile.Doc) error {
		record, err := recordOf(d, a.id)
		if err != nil {
			return err
		}
		for field := range texts {
			if err := a.outside(record, field); err != nil {
				return err
			}
		}
		return put(d, a.id, texts)
	})
}

// aloneWait is how long one waits for another's renewal, which takes less than a minute.
const aloneWait = time.Minute

// Alone implements Source. The lock is a file of its own, so that a slow service holds up nothing else.
func (a *account) Alone(ctx context.Context, f func(ctx context.Context) error) error {
	dir := filepath.Join(filepath.Dir(a.file.Path), "locks")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the folder for the locks: %w", err)
	}
	wait, cancel := context.WithTimeout(ctx, aloneWait)
	defer cancel()
	unlock, err := jsonfile.Lock(wait, filepath.Join(dir, "channel."+url.QueryEscape(a.id)))
	if err != nil {
		return err
	}
	defer unlock()
	a.file.read(true)
	return f(context.WithoutCancel(ctx))
}

// outside says whether what the field has now comes from elsewhere than the file.
func (a *account) outside(record *jsonfile.Doc, field string) error {
	stored, ok := "", true
	if raw := record.Raw(field); raw != nil {
		stored, ok = text(raw)
	}
	env := a.env[field]
	switch {
	case !ok:
		return &Error{Message: fmt.Sprintf("What stands under %s in the record %q of channels.json is no text; mend it there first.", field, a.id)}
	case jsonfile.IsReference(stored) && !strings.HasPrefix(stored, "literal:"):
		return &Error{
			Message: fmt.Sprintf("channels.json only says where the %s of %s is to be found, so a renewed one cannot be kept there; store the value itself.", field, a.id),
			Err:     ErrFromEnvironment,
		}
	case stored == "" && env != "" && a.file.getenv(env) != "":
		return &Error{
			Message: fmt.Sprintf("The %s of %s comes from %s, so a renewed one cannot be kept; store it with: gateway channels set %s %s", field, a.id, env, a.id, field),
			Err:     ErrFromEnvironment,
		}
	}
	return nil
}

// find looks for a field and tells Learn what it found.
func (a *account) find(field string) (v secret.String, from, problem string) {
	v, from, problem = a.look(field)
	if a.file.Learn != nil && !a.plain[field] {
		a.file.Learn(v)
	}
	return v, from, problem
}

// look looks for a field: in the file, then in the environment. A reference that leads nowhere does not make way for
// the environment: another bot's token may stand there.
func (a *account) look(field string) (v secret.String, from, problem string) {
	fields := a.file.current().accounts[a.id]
	stored, ok := fields[field]
	if !ok {
		stored = fields[everyField]
	}
	if !stored.ref.Empty() {
		// Source gives no context, and none is needed: the resolver bounds what takes time.
		v, err := a.file.resolver().Resolve(context.Background(), stored.ref.Reveal())
		switch {
		case err != nil:
			return secret.String{}, "", fmt.Sprintf("The %s of %s is a reference, and %s.", field, a.id, strings.TrimSuffix(err.Error(), ": "+jsonfile.ErrReference.Error()))
		case !v.Empty():
			return v, FromFile, ""
		}
	}
	if !stored.secret.Empty() {
		return stored.secret, FromFile, ""
	}
	if env := a.env[field]; env != "" {
		if v := a.file.getenv(env); v != "" {
			return secret.New(v), env, stored.problem
		}
	}
	return secret.String{}, "", stored.problem
}

// Interface guards
var _ Source = (*account)(nil)
