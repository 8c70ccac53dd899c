package discordtest

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

var commandName = regexp.MustCompile(`^[-_'\p{L}\p{N}]{1,32}$`)

func (s *Server) commandList() []object {
	if s.commands == nil {
		return []object{}
	}
	return s.commands
}

// checkCommand checks a command as Discord does, and fills in what it adds.
func (s *Server) checkCommand(c object) *refusal {
	kind, ok := c["type"].(float64)
	if !ok {
		kind = 1
		c["type"] = kind
	}
	name, _ := c["name"].(string)
	help, _ := c["description"].(string)
	if kind == 1 && (!commandName.MatchString(name) || strings.ToLower(name) != name) {
		return invalid("name", "Command name is invalid")
	}
	if n := utf8.RuneCountInString(help); kind == 1 && (n < 1 || n > 100) {
		return invalid("description", "Must be between 1 and 100 in length.")
	}
	options, _ := c["options"].([]any)
	optional, names := false, map[string]bool{}
	for _, e := range options {
		o, _ := e.(object)
		n, _ := o["name"].(string)
		d, _ := o["description"].(string)
		required, _ := o["required"].(bool)
		switch {
		case !commandName.MatchString(n) || strings.ToLower(n) != n || names[n]:
			return invalid("options", "Option name is invalid or used twice")
		case utf8.RuneCountInString(d) < 1 || utf8.RuneCountInString(d) > 100:
			return invalid("options", "Must be between 1 and 100 in length.")
		case required && optional:
			return invalid("options", "Required options must be placed before non-required options")
		}
		optional, names[n] = optional || !required, true
		if !required {
			delete(o, "required") // Discord leaves out what is the default
		}
		if a, _ := o["autocomplete"].(bool); !a {
			delete(o, "autocomplete")
		}
	}
	if len(options) > 25 {
		return invalid("options", "Must be 25 or fewer in length.")
	}
	if len(options) == 0 {
		delete(c, "options")
	}
	for k, v := range (object{"application_id": s.App, "version": s.newID(), "default_member_permissions": nil, "nsfw": false, "contexts": nil,
		"integration_types": []any{0.0}, "dm_permission": true, "name_localizations": nil, "description_localizations": nil}) {
		if _, ok := c[k]; !ok || k == "version" {
			c[k] = v
		}
	}
	return nil
}

func (s *Server) commandAt(id string) int {
	return slices.IndexFunc(s.commands, func(c object) bool { return c["id"] == id })
}

func (s *Server) commandNamed(name string, kind any) int {
	return slices.IndexFunc(s.commands, func(c object) bool { return c["name"] == name && c["type"] == kind })
}

func (s *Server) postCommand(r *request) (any, *refusal) {
	if r.path[1] != s.App {
		return nil, &refusal{403, 20012, "You are not authorized to perform this action on this application", nil}
	}
	if no := s.checkCommand(r.body); no != nil {
		return nil, no
	}
	if i := s.commandNamed(r.body["name"].(string), r.body["type"]); i >= 0 { // it takes its place
		r.body["id"] = s.commands[i]["id"]
		s.commands[i] = r.body
		return r.body, nil
	}
	if len(s.commands) >= 100 {
		return nil, &refusal{400, 30032, "Maximum number of application commands reached (100)", nil}
	}
	r.body["id"] = s.newID()
	s.commands = append(s.commands, r.body)
	return r.body, nil
}

func (s *Server) putCommands(r *request) (any, *refusal) {
	list, _ := r.body[""].([]any)
	var next []object
	for _, e := range list {
		c, _ := e.(object)
		if no := s.checkCommand(c); no != nil {
			return nil, no
		}
		c["id"] = s.newID()
		if i := s.commandNamed(c["name"].(string), c["type"]); i >= 0 {
			c["id"] = s.commands[i]["id"]
		}
		next = append(next, c)
	}
	s.commands = next
	return s.commandList(), nil
}

func (s *Server) patchCommand(r *request) (any, *refusal) {
	i := s.commandAt(r.path[3])
	if i < 0 {
		return nil, &refusal{404, 10063, "Unknown application command", nil}
	}
	next := object{}
	for k, v := range s.commands[i] {
		next[k] = v
	}
	for k, v := range r.body {
		next[k] = v
	}
	if no := s.checkCommand(next); no != nil {
		return nil, no
	}
	s.commands[i] = next
	return next, nil
}

func (s *Server) deleteCommand(r *request) (any, *refusal) {
	i := s.commandAt(r.path[3])
	if i < 0 {
		return nil, &refusal{404, 10063, "Unknown application command", nil}
	}
	s.commands = slices.Delete(s.commands, i, i+1)
	return nil, nil
}
