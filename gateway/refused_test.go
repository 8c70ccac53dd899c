package gateway

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"chatgateway/channels"
)

var errContent = errors.New("400: this may not be said here")

// refusing lets the service refuse every post that holds one of the words, with err.
func (w *world) refusing(err error, words ...string) {
	w.chat.Refuse(func(p channels.Post) error {
		for _, word := range words {
			if strings.Contains(p.Text, word) {
				return err
			}
		}
		return nil
	})
}

// A text that a service never takes ends with its plain text or a sentence, and the conversation goes on.
func TestATextThatTheServiceRefuses(t *testing.T) {
	never := fmt.Errorf("fake: %w: %w", errContent, errors.ErrUnsupported)
	for name, c := range map[string]struct {
		err   error
		words []string // that are refused
		wait  time.Duration
		want  []string
		not   string
	}{
		"said, its markup":    {never, []string{"**"}, 0, []string{"very bad news"}, "**"},
		"said, its words":     {never, []string{"bad"}, 0, []string{"does not take this part of the answer"}, "bad"},
		"not said, a while":   {errContent, []string{"bad"}, time.Second, nil, "does not take"},
		"not said, for ever":  {errContent, []string{"bad"}, time.Minute, []string{"does not take this part of the answer"}, "bad"},
		"it takes nothing":    {errContent, []string{""}, time.Hour, nil, "does not take"},
		"one part of several": {never, []string{"cccc"}, 0, []string{"aaaa", "does not take", "eeee"}, "cccc"},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.login()
				w.refusing(c.err, c.words...)
				answer := "**very** bad news"
				if strings.HasPrefix(name, "one part") {
					answer, w.chat.Max = "aaaa "+strings.Repeat("a", 100)+"\n\ncccc "+strings.Repeat("c", 100)+"\n\neeee "+strings.Repeat("e", 100), 130
				}
				w.model.Answer(answer)
				w.say("ann", "tell me")
				time.Sleep(c.wait)
				w.want("ann", c.want...)
				w.wantNot("ann", c.not)
				if c.want == nil { // nothing is lost: it comes when the service takes it
					w.chat.Refuse(nil)
					time.Sleep(time.Minute)
					w.want("ann", "**very** bad news")
				}
				w.talk("ann", "and then?", "echo: and then?")
			}, func(w *world) { w.chat.NoEdit = true })
		})
	}
}

func TestWhatWasShownOfARefusedAnswerStays(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		w.refusing(fmt.Errorf("fake: %w", errors.ErrUnsupported), "bad")
		w.grows("Good so far, ", time.Second, "now bad.")
		w.talk("ann", "tell me", "Good so far,", "does not take")
	})
}

func TestButtonsThatTheServiceRefuses(t *testing.T) {
	inWorld(t, func(w *world) {
		w.chat.Refuse(func(p channels.Post) error {
			if len(p.Choices) > 0 {
				return fmt.Errorf("fake: %w", errors.ErrUnsupported)
			}
			return nil
		})
		w.talk("ann", "hello", "No model is set up yet", "Its buttons cannot be shown here")
	})
}
