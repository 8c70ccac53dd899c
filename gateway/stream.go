package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"chatgateway/providerauth"
	"chatgateway/providers"
)

// tryAccounts asks one model with each account that it may use, until one answers.
func (a *asking) tryAccounts(ctx context.Context, r providers.Ref) error {
	g := a.s.g
	p := g.provider(r.Provider)
	if p == nil {
		return personal{fmt.Sprintf("There is no provider %q. Choose a model with /model.", r.Provider)}
	}
	var tried []providerauth.ID
	var last error
	for range 8 {
		cred, err := g.o.Auth.Credential(ctx, providerauth.Want{Provider: r.Provider, Account: r.Account, Scope: scopeOf(a.conv), Not: tried})
		if err != nil {
			if last != nil {
				return last
			}
			return err
		}
		at, note := len(a.notes), a.switched(r, cred, tried, last)
		if note != "" {
			a.notes = append(a.notes, note)
		}
		err = a.attempt(ctx, p, cred, r)
		if r.Account == "" && (err == nil || a.began) {
			a.s.ran[r.Provider] = cred.ID
		}
		if err == nil {
			g.o.Auth.Report(cred, providerauth.Worked, 0)
			return nil
		}
		if note != "" && !a.began {
			a.notes = slices.Delete(a.notes, at, at+1) // the next account says more
		}
		outcome, ok := outcomes(err)
		var pe *providers.Error
		if errors.As(err, &pe) && ok {
			g.o.Auth.Report(cred, outcome, pe.RetryAfter)
		}
		if !ok || a.began || r.Account != "" || cred.Source == providerauth.FromNone {
			return err
		}
		tried, last = append(tried, cred.ID), err
	}
	return last
}

// switched is the sentence that says that another account is used than before; "" if it is the same.
func (a *asking) switched(r providers.Ref, cred providerauth.Credential, tried []providerauth.ID, last error) string {
	before := a.s.ran[r.Provider]
	first, passed := errors.AsType[*providerauth.Error](cred.Instead)
	switch {
	case len(tried) > 0:
		return fmt.Sprintf("_%s failed (%s); this ran on %s._", tried[len(tried)-1], reason(last), cred.ID)
	case r.Account == "" && before != "" && before != cred.ID:
		return fmt.Sprintf("_This runs on %s now, no longer on %s._", cred.ID, before)
	case before == "" && passed && !errors.Is(first, providerauth.ErrNone):
		return fmt.Sprintf("_%s is passed over (%s); this runs on %s._", first.ID, reason(first), cred.ID)
	}
	return ""
}

// outcomes says what a failure means for the credential; ok is false if it means nothing.
func outcomes(err error) (o providerauth.Outcome, ok bool) {
	switch {
	case errors.Is(err, providers.ErrUnauthorized):
		return providerauth.Unauthorized, true
	case errors.Is(err, providers.ErrRateLimited):
		return providerauth.RateLimited, true
	case errors.Is(err, providers.ErrBilling):
		return providerauth.NoCredit, true
	case errors.Is(err, providers.ErrForbidden), errors.Is(err, providers.ErrRestricted):
		return providerauth.Forbidden, true
	case errors.Is(err, providerauth.ErrNeedsLogin), errors.Is(err, providerauth.ErrRenewal):
		return providerauth.Unauthorized, true // it was refused, and could not be renewed
	}
	return "", false
}

// reason names a failure in a word or two.
func reason(err error) string {
	switch {
	case errors.Is(err, providerauth.ErrNeedsLogin):
		return "its sign-in has ended"
	case errors.Is(err, providerauth.ErrRenewal):
		return "its sign-in could not be renewed just now"
	case errors.Is(err, providerauth.ErrCooling):
		return "it is left alone for a while"
	}
	if o, ok := outcomes(err); ok {
		return string(o)
	}
	return "failed"
}

// attempt streams one answer: a 401 renews the credential once, a conversation that is too long loses its oldest turns
// once, and a service that is overloaded or unreachable is asked once more.
func (a *asking) attempt(ctx context.Context, p providers.Provider, cred providerauth.Credential, r providers.Ref) error {
	renewed, again := false, false
	for {
		err := a.stream(ctx, p, cred, r)
		switch {
		case err == nil || a.began || ctx.Err() != nil:
			return err
		case errors.Is(err, providers.ErrUnauthorized) && !renewed && cred.Type == providerauth.OAuth:
			renewed = true
			fresh, rerr := a.s.g.o.Auth.Renew(ctx, cred)
			if rerr != nil {
				return rerr
			}
			cred = fresh
		case errors.Is(err, providers.ErrTooLong) && !a.trimmed && len(a.request) > 1:
			a.trimmed = true
			a.request = latter(a.request)
			a.notes = append(a.notes, "_The conversation was too long for the model; its oldest part was left out._")
		case errors.Is(err, providers.ErrUnable) && a.leaveOutFiles():
			a.notes = append(a.notes, "_This model cannot take the files that were sent here earlier; they were left out._")
		case (errors.Is(err, providers.ErrOverloaded) || errors.Is(err, providers.ErrUnreachable)) && !again:
			again = true
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Second):
			}
		default:
			return err
		}
	}
}

// leaveOutFiles replaces the files of earlier messages by their names; false if there are none. Without it a model that
// cannot see would refuse everything after the first image.
func (a *asking) leaveOutFiles() (any bool) {
	for i, m := range a.request[:max(len(a.request)-1, 0)] {
		has := func(p providers.Part) bool { return p.Blob != nil }
		if !slices.ContainsFunc(m.Parts, has) {
			continue
		}
		any = true
		m.Parts = slices.Clone(m.Parts)
		for n, p := range m.Parts {
			if has(p) {
				m.Parts[n] = providers.Part{Text: fmt.Sprintf("[%s was sent here]", p.Blob.Name)}
			}
		}
		a.request[i] = m
	}
	return any
}

// latter gives the second half of a conversation, from a user's message on.
func latter(ms []providers.Message) []providers.Message {
	for n := (len(ms) + 1) / 2; n < len(ms); n++ {
		if ms[n].Role == providers.User {
			return ms[n:]
		}
	}
	return ms[len(ms)-1:]
}

// stream takes the answer as it comes. The waits for the first and the next piece are bounded, and a logout of the
// credential ends it.
func (a *asking) stream(ctx context.Context, p providers.Provider, cred providerauth.Credential, r providers.Ref) error {
	g := a.s.g
	set := g.settings.Load()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	slow := &providers.Error{Kind: providers.ErrTimeout, Provider: p.Auth().Name}
	timer := time.AfterFunc(set.FirstToken, func() { cancel(slow) })
	defer timer.Stop()
	gone := a.s.g.o.Auth.Gone(cred.ID)
	watch := make(chan struct{})
	defer func() { <-watch }()
	over := make(chan struct{})
	defer close(over)
	go func() {
		defer close(watch)
		select {
		case <-gone:
			a.s.interrupt(errLoggedOut)
		case <-over:
		}
	}()
	request := providers.Request{Model: r.Model, System: g.o.Secrets.Mask(a.system), Messages: g.maskMessages(a.request), Effort: set.Effort, MaxOut: set.MaxOut}
	a.parts, a.why = nil, "" // of a try that failed before its first word; its thinking is no part of this answer
	a.thought.Reset()
	for d, err := range p.Stream(ctx, cred, request) {
		if err != nil {
			if errors.Is(context.Cause(ctx), slow) {
				return slow
			}
			return err
		}
		timer.Reset(set.NextToken)
		a.take(d)
	}
	switch {
	case errors.Is(context.Cause(ctx), slow):
		return slow
	case ctx.Err() == nil && a.why == providers.StopRefused:
		return &providers.Error{Kind: providers.ErrRefused, Provider: p.Auth().Name}
	}
	return ctx.Err()
}

// take adds a piece to the answer and shows it.
func (a *asking) take(d providers.Delta) {
	a.parts = providers.Append(a.parts, d.Part)
	if d.Stop != "" {
		a.why = d.Stop
	}
	if d.Part.Text == "" && d.Part.Thought == "" {
		return
	}
	a.text.WriteString(d.Part.Text)
	a.thought.WriteString(d.Part.Thought)
	if d.Part.Text != "" {
		a.began = true
	}
	if a.began || a.think {
		a.reply.grow(a.shown(""))
	}
}
