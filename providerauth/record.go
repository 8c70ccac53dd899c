package providerauth

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"chatgateway/internal/jsonfile"
	"chatgateway/internal/secret"
)

// The keys of a record in providers.json that this program writes. All others are kept as they are.
const (
	recType    = "type"
	recKey     = "key"
	recToken   = "token"
	recAccess  = "access"
	recRefresh = "refresh"
	recExpires = "expires"
	recIssued  = "issued"
	recOwner   = "owner"
	recAccount = "account_id"
	recExtra   = "extra"
)

// readRecord reads the record of an id. ok is false where it is of a kind that is not known.
func readRecord(d *jsonfile.Doc, id string) (c Credential, ok bool, err error) {
	sub, err := d.Object(id)
	if err != nil {
		return c, false, err
	}
	text := func(key string) string {
		var s string
		if err == nil && string(sub.Raw(key)) != "null" {
			_, err = sub.Decode(key, &s)
		}
		return s
	}
	c = Credential{ID: ID(id), Type: Type(text(recType)), Owner: text(recOwner)}
	c.Access, c.Refresh = secret.New(text(recAccess)), secret.New(text(recRefresh))
	key, token := text(recKey), text(recToken)
	c.Expires, c.Issued = Instant(sub.Raw(recExpires)), Instant(sub.Raw(recIssued))
	if err != nil {
		return Credential{}, false, fmt.Errorf("record %q: %w", id, err)
	}
	switch {
	case c.Type == "" && key != "":
		c.Type = Key
	case c.Type == "" && !c.Access.Empty():
		c.Type = OAuth
	case c.Type == "" && token != "":
		c.Type = Token
	}
	switch c.Type {
	case OAuth:
		ok = !c.Access.Empty() || !c.Refresh.Empty()
	case Key:
		c.Key, ok = secret.New(key), key != ""
	case Token:
		c.Key, ok = secret.New(token), token != ""
	}
	c.Extra, err = readExtra(sub)
	return c, ok, err
}

// readExtra gathers the strings under "extra", and the account id that stands beside it.
func readExtra(sub *jsonfile.Doc) (map[string]string, error) {
	out := map[string]string{}
	if obj, err := sub.Object(recExtra); err == nil {
		for _, k := range obj.Keys() {
			var s string
			if json.Unmarshal(obj.Raw(k), &s) == nil && s != "" {
				out[k] = s
			}
		}
	}
	var account string
	if json.Unmarshal(sub.Raw(recAccount), &account) == nil && account != "" {
		out[recAccount] = account
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, nil
}

// putRecord writes a credential into the record of an id and keeps what it does not know there.
func putRecord(d *jsonfile.Doc, id ID, c Credential) error {
	sub, err := d.Object(string(id))
	if err != nil {
		sub = &jsonfile.Doc{} // it was no object, and a login replaces it
	}
	key, token, access, refresh := "", "", "", ""
	switch c.Type {
	case OAuth:
		access, refresh = c.Access.Reveal(), c.Refresh.Reveal()
	case Token:
		token = c.Key.Reveal()
	default:
		key = c.Key.Reveal()
	}
	for _, f := range []struct{ key, value string }{
		{recType, string(c.Type)}, {recKey, key}, {recToken, token}, {recAccess, access}, {recRefresh, refresh},
		{recOwner, c.Owner}, {recAccount, c.Extra[recAccount]},
	} {
		if f.value == "" {
			sub.Delete(f.key)
		} else if err := sub.Set(f.key, f.value); err != nil {
			return err
		}
	}
	for _, f := range []struct {
		key string
		at  time.Time
	}{{recExpires, c.Expires}, {recIssued, c.Issued}} {
		if f.at.IsZero() {
			sub.Delete(f.key)
		} else if err := sub.Set(f.key, f.at.UnixMilli()); err != nil {
			return err
		}
	}
	if err := putExtra(sub, c.Extra); err != nil {
		return err
	}
	return d.Set(string(id), sub)
}

// putExtra writes the strings under "extra"; what is no string there is not ours and stays.
func putExtra(sub *jsonfile.Doc, extra map[string]string) error {
	obj, err := sub.Object(recExtra)
	if err != nil {
		return nil //nolint:nilerr // "extra" is something else there, and not ours
	}
	for _, k := range obj.Keys() {
		var s string
		if _, ours := extra[k]; !ours && json.Unmarshal(obj.Raw(k), &s) == nil {
			obj.Delete(k)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(extra)) {
		if k == recAccount || extra[k] == "" {
			obj.Delete(k)
		} else if err := obj.Set(k, extra[k]); err != nil {
			return err
		}
	}
	if obj.Len() == 0 {
		sub.Delete(recExtra)
		return nil
	}
	return sub.Set(recExtra, obj)
}

// Instant reads a point in time as other programs write it: milliseconds or seconds since 1970, as a number or its
// text, or RFC 3339. What is missing, zero, negative, or beyond the year 5000 is the zero time: nobody said when.
func Instant(raw json.RawMessage) time.Time {
	text := strings.Trim(strings.TrimSpace(string(raw)), `"`)
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t, terr := time.Parse(time.RFC3339, text)
		if terr != nil {
			return time.Time{}
		}
		return t
	}
	const seconds, latest = 1e11, 95_617_584_000_000 // below the one it is seconds; the other is the year 5000 in ms
	switch {
	case !(n > 0): // NaN too
		return time.Time{}
	case n < seconds:
		n *= 1000
	}
	if n > latest {
		return time.Time{}
	}
	return time.UnixMilli(int64(n))
}
