package commands

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"chatgateway/providerauth"
)

// All is every command of the gateway, in the order in which /help shows them.
func All() []Command {
	return []Command{
		{Name: "help", Aliases: []string{"commands"}, Help: "Show what I can do", Role: User, Run: help},
		{Name: "start", Help: "Say hello", Role: User, Run: start},
		{Name: "model", Aliases: []string{"models"}, Help: "Choose the model that answers here", Role: User, Run: model,
			Args: []Arg{{Name: "model", Help: "a model, or list, status, reset, default", Optional: true, Complete: completeModel}}},
		{Name: "new", Aliases: []string{"reset", "clear"}, Help: "Begin a new conversation", Role: User, Run: newConversation},
		{Name: "retry", Help: "Ask the last question again", Role: User, Run: retry},
		{Name: "stop", Help: "Stop the answer that is being made", Role: User, Run: stop},
		{Name: "cancel", Help: "Give up what I am asking you", Role: User, Run: stop},
		{Name: "think", Help: "Show or hide the model's thinking", Role: User, Run: think,
			Args: []Arg{{Name: "show|hide", Help: "show or hide", Optional: true, Complete: oneOf("show", "hide")}}},
		{Name: "login", Aliases: []string{"signin"}, Help: "Log in to a model provider", Role: Owner, Where: Privately, Asks: true, Run: logIn, Cut: logInCut,
			Args: []Arg{{Name: "provider", Help: "which one; with an account: anthropic:work", Optional: true, Complete: completeProvider},
				{Name: "method", Help: "how: key, browser, device, …", Optional: true},
				{Name: "key", Help: "the key itself; better to wait until it is asked for", Optional: true, Secret: true}}},
		{Name: "logout", Aliases: []string{"signout"}, Help: "Log out of a model provider", Role: Owner, Where: Privately, Run: logOut,
			Args: []Arg{{Name: "provider", Help: "which one; with an account: anthropic:work", Optional: true, Complete: completeStored}}},
		{Name: "auth", Help: "Show the state of the sign-ins", Role: Owner, Run: auth,
			Args: []Arg{{Name: "provider", Help: "one provider", Optional: true, Complete: completeProvider},
				{Name: "deed", Help: "enable, disable, renew, check, logout, order", Optional: true, Complete: oneOf("enable", "disable", "renew", "check", "logout", "order")}}},
		{Name: "status", Help: "Show what is going on", Role: User, Run: showStatus},
		{Name: "whoami", Help: "Show who you are to me", Role: User, Run: whoami},
		{Name: "access", Aliases: []string{"pairing"}, Help: "Show and change who may talk to me", Role: Owner, Where: Privately, Run: accessList,
			Args: []Arg{{Name: "deed", Help: "list, approve, deny, grant, revoke", Optional: true, Complete: oneOf("list", "approve", "deny", "grant", "revoke")}}},
		{Name: "claim", Help: "Become the owner, with the code on the console", Role: Anyone, Where: Private, Asks: true, Run: claim,
			Args: []Arg{{Name: "code", Help: "the code on the gateway's console", Secret: true}}},
		{Name: "audit", Help: "Show who changed what", Role: Owner, Where: Privately, Run: audit},
	}
}

// oneOf completes an argument from a fixed list.
func oneOf(words ...string) func(context.Context, Host, string) []string {
	return func(_ context.Context, _ Host, prefix string) []string { return starting(words, prefix) }
}

// starting gives the words that begin with prefix, then those that hold it.
func starting(words []string, prefix string) (out []string) {
	prefix = strings.ToLower(prefix)
	for _, w := range words {
		if strings.HasPrefix(strings.ToLower(w), prefix) {
			out = append(out, w)
		}
	}
	for _, w := range words {
		if !slices.Contains(out, w) && strings.Contains(strings.ToLower(w), prefix) {
			out = append(out, w)
		}
	}
	return out
}

func completeProvider(_ context.Context, h Host, prefix string) []string {
	var ids []string
	for _, s := range h.Auth().Schemes() {
		ids = append(ids, s.ID)
	}
	return starting(ids, prefix)
}

func completeStored(ctx context.Context, h Host, prefix string) []string {
	var ids []string
	for _, s := range h.Auth().Schemes() {
		for _, id := range h.Auth().Accounts(ctx, s.ID) {
			ids = append(ids, string(id))
		}
	}
	return starting(ids, prefix)
}

func completeModel(ctx context.Context, h Host, prefix string) []string {
	words := []string{"list", "status", "reset", "default"}
	list, _ := h.Models(ctx, "")
	for _, m := range list {
		words = append(words, m.Ref.String())
	}
	return starting(words, prefix)
}

func help(ctx context.Context, c *Call) error {
	var b strings.Builder
	b.WriteString("Write to me, and the chosen model answers. The commands:\n\n")
	for _, cmd := range c.Host.Commands() {
		if c.Person.Role < cmd.Role {
			continue
		}
		fmt.Fprintf(&b, "- `%s` — %s", cmd.Usage(), cmd.Help)
		if len(cmd.Aliases) > 0 {
			fmt.Fprintf(&b, " (also /%s)", strings.Join(cmd.Aliases, ", /"))
		}
		b.WriteString("\n")
	}
	return c.say(ctx, b.String())
}

func start(ctx context.Context, c *Call) error {
	ref, _ := c.Session.Model(ctx)
	if ref.IsZero() {
		text := "Hello. I pass what you write to a language model, and its answer grows here. No model is set up yet."
		if c.Person.Role < Owner {
			return c.say(ctx, text+" Ask my owner to log in with /login.")
		}
		return c.say(ctx, text+" Log in to a provider first.", Choice{Label: "Log in", Run: "/login"}, Choice{Label: "Help", Run: "/help"})
	}
	return c.say(ctx, fmt.Sprintf("Hello. Write to me, and %s answers. /help shows what else I can do.", ref.Model), Choice{Label: "Choose a model", Run: "/model"}, Choice{Label: "Help", Run: "/help"})
}

func newConversation(ctx context.Context, c *Call) error {
	if err := c.Session.Reset(ctx); err != nil {
		return err
	}
	ref, _ := c.Session.Model(ctx)
	if ref.IsZero() {
		return c.say(ctx, "A new conversation. What was said before is forgotten.")
	}
	return c.say(ctx, fmt.Sprintf("A new conversation with %s. What was said before is forgotten.", ref))
}

func retry(ctx context.Context, c *Call) error { return c.Session.Retry(ctx) }

func stop(ctx context.Context, c *Call) error {
	n, err := c.Session.Stop(ctx)
	if err != nil {
		return err
	}
	if n == 0 {
		return c.say(ctx, "There is nothing to stop here.")
	}
	return c.say(ctx, "Stopped.")
}

func think(ctx context.Context, c *Call) error {
	show := c.Session.Thinking(ctx)
	switch c.Arg(0) {
	case "show", "on":
		show = true
	case "hide", "off":
		show = false
	case "":
		text := "The model's thinking is hidden here."
		if show {
			text = "The model's thinking is shown here."
		}
		return c.say(ctx, text, Choice{Label: "Show", Run: "/think show"}, Choice{Label: "Hide", Run: "/think hide"})
	default:
		return c.say(ctx, "Say `/think show` or `/think hide`.")
	}
	if err := c.Session.SetThinking(ctx, show); err != nil {
		return err
	}
	if show {
		return c.say(ctx, "From now on the model's thinking is shown here, as far as the model gives it.")
	}
	return c.say(ctx, "From now on the model's thinking is hidden here.")
}

func whoami(ctx context.Context, c *Call) error {
	name := c.Person.Name
	if name == "" {
		name = "without a name"
	}
	return c.say(ctx, fmt.Sprintf("You are %s, `%s` on %s, and to me: %s.", name, c.Person.ID, c.Person.Account, c.Person.Role))
}

func showStatus(ctx context.Context, c *Call) error {
	ref, from := c.Session.Model(ctx)
	st := c.Host.Status(ctx)
	var b strings.Builder
	if ref.IsZero() {
		b.WriteString("**Model**: none yet; /login sets one up\n")
	} else {
		fmt.Fprintf(&b, "**Model**: %s (%s)\n", ref, from)
	}
	fmt.Fprintf(&b, "**This conversation**: %d messages remembered\n", c.Session.Messages(ctx))
	fmt.Fprintf(&b, "**Gateway**: %s, %d waiting, %d running\n", st.Version, st.Queued, st.Running)
	if c.Person.Role < Owner {
		return c.say(ctx, b.String())
	}
	b.WriteString("\n**Channels**\n")
	for _, ch := range st.Channels {
		fmt.Fprintf(&b, "- %s: %s", ch.Account, ch.State)
		if ch.Bot != "" {
			b.WriteString(", " + ch.Bot)
		}
		if ch.Detail != "" {
			b.WriteString("; " + ch.Detail)
		}
		b.WriteString("\n")
	}
	for _, w := range st.Warnings {
		b.WriteString("\n⚠ " + w)
	}
	return c.say(ctx, b.String())
}

func claim(ctx context.Context, c *Call) error {
	if c.Person.Role == Owner {
		return c.say(ctx, "You are an owner already.")
	}
	answer, err := c.Prompt.Prompt(ctx, claimStep)
	if err != nil {
		return err
	}
	text, err := c.Host.Claim(ctx, c, answer.Reveal())
	if err != nil {
		return err
	}
	return c.say(ctx, text)
}

func accessList(ctx context.Context, c *Call) error {
	a, err := c.Host.Access(ctx, c, c.Args)
	if err != nil {
		return err
	}
	a.Replace = c.Pressed
	return c.Say(ctx, a)
}

func audit(ctx context.Context, c *Call) error {
	lines, err := c.Host.Audit(ctx, 20)
	if err != nil {
		return err
	}
	if len(lines) == 0 {
		return c.say(ctx, "Nothing was changed yet.")
	}
	return c.say(ctx, "```\n"+strings.Join(lines, "\n")+"\n```")
}

// account reads "provider" and "provider:account" as a person types it.
func account(h Host, text string) (providerauth.Scheme, providerauth.ID, error) {
	id := providerauth.ID(strings.ToLower(text))
	s, err := h.Auth().Scheme(id.Provider())
	if err != nil {
		return s, "", unknownProvider(h, id.Provider())
	}
	if err := providerauth.CheckAccount(id.Account()); err != nil {
		return s, "", err
	}
	return s, h.Auth().At(id), nil
}

// refusal is an error whose text is for the person.
type refusal string

func (r refusal) Error() string { return string(r) }

// UserMessage gives the text.
func (r refusal) UserMessage() string { return string(r) }

func unknownProvider(h Host, name string) error {
	best, at := "", 3
	for _, s := range h.Auth().Schemes() {
		if d := distance(name, s.ID); d < at {
			best, at = s.ID, d
		}
	}
	if best != "" {
		return refusal(fmt.Sprintf("There is no provider %q. Did you mean %s?", name, best))
	}
	return refusal(fmt.Sprintf("There is no provider %q. /login lists those that there are.", name))
}
