package channelauth

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"chatgateway/internal/jsonfile"
	"chatgateway/internal/secret"
)

// state is what was read from the file at one time. It is never changed.
type state struct {
	stamp    jsonfile.Stamp
	accounts map[string]map[string]value
	order    []string // of the accounts in the file
	err      error    // why the file could not be read
	kept     bool     // accounts are of the state before, see half
}

// value is a field as it is stored.
type value struct {
	secret  secret.String // what is stored, if it is no reference
	ref     secret.String // the reference; secret too, for a command may have a key among its words
	problem string        // why there is neither
}

func (v value) equal(w value) bool {
	return v.secret.Equal(w.secret) && v.ref.Equal(w.ref) && v.problem == w.problem
}

func (s *state) equal(t *state) bool {
	return (s.err == nil) == (t.err == nil) && (s.err == nil || s.err.Error() == t.err.Error()) &&
		maps.EqualFunc(s.accounts, t.accounts, func(a, b map[string]value) bool { return maps.EqualFunc(a, b, value.equal) }) &&
		slices.Equal(s.order, t.order)
}

// newState reads the file.
func newState(file jsonfile.File) *state {
	s := &state{accounts: map[string]map[string]value{}}
	doc, err := file.Read()
	if err != nil {
		s.err = err
		if s.stamp, err = file.Stat(); err != nil {
			s.stamp = jsonfile.Stamp{} // it is read again at the next look
		}
		return s
	}
	s.stamp = doc.Stamp()
	for _, id := range doc.Keys() {
		if strings.HasPrefix(id, "@") {
			continue // reserved
		}
		s.order = append(s.order, id)
		s.accounts[id] = values(doc, id)
	}
	return s
}

// half reports whether the file may have been read in the middle of being saved by an editor that does not replace it,
// empty or cut: what was in force stays so for a moment.
func (s *state) half() bool {
	return (s.err != nil || s.stamp.Empty()) && s.stamp.Age() < 4*lookEvery
}

// everyField stands for all fields of a record that is none.
const everyField = ""

func values(doc *jsonfile.Doc, id string) map[string]value {
	record, err := doc.Object(id)
	if err != nil {
		return map[string]value{everyField: {problem: fmt.Sprintf("What stands under %q in channels.json is no record.", id)}}
	}
	fields := make(map[string]value, record.Len())
	for _, name := range record.Keys() {
		stored, ok := text(record.Raw(name))
		switch {
		case !ok:
			fields[name] = value{problem: fmt.Sprintf("What stands under %s in the record %q of channels.json is no text; put it in quotation marks.", name, id)}
		case jsonfile.IsReference(stored):
			fields[name] = value{ref: secret.New(stored)}
		case stored != "":
			fields[name] = value{secret: secret.New(stored)}
		}
	}
	return fields
}
