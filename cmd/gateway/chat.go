package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"chatgateway/channels"
	"chatgateway/channels/terminal"
	"chatgateway/config"
)

func (a *app) chatCommand() *cobra.Command {
	var model string
	var keyFiles []string
	c := &cobra.Command{
		Use:   "chat [message]",
		Short: "Chat in the terminal, with the running gateway or alone",
		Long: "chat attaches to the running gateway; where none runs, it is one by itself, without the other channels.\n" +
			"With a message, or with a text on standard input, it prints one answer and ends: echo hi | gateway chat -m openai/gpt-5",
		RunE: func(c *cobra.Command, args []string) error {
			return a.chat(c.Context(), model, strings.Join(args, " "), keyFiles)
		},
	}
	c.Flags().StringVarP(&model, "model", "m", "", "the model that answers")
	c.Flags().StringArrayVar(&keyFiles, "key-file", nil, "use the key in a file for this run: provider[:account]=PATH; only where no gateway runs")
	return c
}

// chat runs one chat: a dialogue, or one question.
func (a *app) chat(ctx context.Context, model, message string, keyFiles []string) error {
	home, err := config.FindHome(a.env)
	if err != nil {
		return err
	}
	in, isFile := a.in.(*os.File)
	dialogue := message == "" && isFile && term.IsTerminal(int(in.Fd()))
	if message == "" && !dialogue {
		data, err := io.ReadAll(io.LimitReader(a.in, terminal.MaxLine/2))
		if err != nil {
			return fmt.Errorf("read the message: %w", err)
		}
		if message = strings.TrimSpace(string(data)); message == "" {
			return usageError("there is no message: write it behind `gateway chat`, or send it on standard input")
		}
	}
	conv := terminal.Main
	if !dialogue {
		conv = channels.ConversationID("once-" + rand.Text())
	}
	conn, end, err := a.attach(ctx, home, conv, keyFiles)
	if err != nil {
		return err
	}
	defer end()
	c := &chat{app: a, conn: conn, frames: make(chan terminal.Down), shown: map[string]string{}}
	go c.read()
	if model != "" {
		if err := c.use(ctx, model); err != nil {
			return err
		}
	}
	if !dialogue {
		return c.once(ctx, message)
	}
	fmt.Fprintln(a.out, "You are in the chat. /help shows the commands; Ctrl-D leaves.")
	return c.talk(ctx, in)
}

// chat is one chat, seen from the person's side.
type chat struct {
	app    *app
	conn   net.Conn
	frames chan terminal.Down
	next   int
	shown  map[string]string // what is on the screen of a message that grows
	form   string            // what is asked for
	picks  []terminal.Button // choices that a number picks
	on     string            // the message that has them
}

// read passes the frames on until the connection ends.
func (c *chat) read() {
	defer close(c.frames)
	s := bufio.NewScanner(c.conn)
	s.Buffer(nil, terminal.MaxLine)
	for s.Scan() {
		var d terminal.Down
		if err := json.Unmarshal(s.Bytes(), &d); err == nil {
			c.frames <- d
		}
	}
}

var errHungUp = errors.New("the gateway has ended")

func (c *chat) send(u terminal.Up) error {
	if u.ID == "" {
		c.next++
		u.ID = fmt.Sprintf("%d-%d-%s", os.Getpid(), c.next, rand.Text()[:8])
	}
	b, err := json.Marshal(u)
	if err != nil {
		return err
	}
	if _, err := c.conn.Write(append(b, '\n')); err != nil {
		return errHungUp
	}
	return nil
}

// whole waits for the next message that is whole.
func (c *chat) whole(ctx context.Context) (terminal.Down, error) {
	for {
		select {
		case <-ctx.Done():
			return terminal.Down{}, ctx.Err()
		case d, ok := <-c.frames:
			switch {
			case !ok:
				return d, errHungUp
			case (d.Kind == "post" || d.Kind == "edit") && !d.Partial:
				return d, nil
			case d.Kind == "ask":
				return d, exitError{1, "this asks for a secret; do it in a dialogue: gateway chat, or gateway login"}
			}
		}
	}
}

// use chooses the model. The answer to a choice that was carried out has no buttons.
func (c *chat) use(ctx context.Context, model string) error {
	if err := c.send(terminal.Up{Kind: "text", Text: "/model " + model}); err != nil {
		return err
	}
	d, err := c.whole(ctx)
	if err != nil {
		return err
	}
	if !strings.HasPrefix(d.Text, "From now on") || len(d.Choices) > 0 {
		return exitError{1, shellWords(plain(d))}
	}
	return nil
}

// once asks one question and prints the answer. An answer with buttons is none: it says what is missing.
func (c *chat) once(ctx context.Context, message string) error {
	if err := c.send(terminal.Up{Kind: "text", Text: message}); err != nil {
		return err
	}
	d, err := c.whole(ctx)
	if err != nil {
		return err
	}
	if len(d.Choices) > 0 && !strings.HasPrefix(message, "/") {
		return exitError{1, shellWords(d.Text) + here(d)}
	}
	fmt.Fprintln(c.app.out, plain(d))
	return nil
}

// here says how the command line does what the button does that a message has for a login.
func here(d terminal.Down) string {
	if slices.ContainsFunc(d.Choices, func(b terminal.Button) bool { return strings.HasPrefix(b.Label, "Log in") }) {
		return " Here: gateway login"
	}
	return ""
}

// plain writes a message with its choices.
func plain(d terminal.Down) string {
	text := d.Text
	for _, b := range d.Choices {
		text += "\n  " + b.Label
		if b.URL != "" {
			text += ": " + b.URL
		}
	}
	return text
}

// talk is the dialogue: what is typed goes up, what comes down is drawn.
func (c *chat) talk(ctx context.Context, in *os.File) error {
	lines := make(chan string)
	go func() {
		defer close(lines)
		s := bufio.NewScanner(in)
		s.Buffer(nil, 1<<20)
		for s.Scan() {
			lines <- s.Text()
		}
	}()
	defer setEcho(in, true)
	fmt.Fprint(c.app.out, "> ")
	for {
		select {
		case <-ctx.Done():
			return nil
		case line, ok := <-lines:
			if !ok {
				fmt.Fprintln(c.app.out)
				return nil
			}
			if err := c.typed(in, line); err != nil {
				return err
			}
		case d, ok := <-c.frames:
			if !ok {
				return errHungUp
			}
			c.draw(in, d)
		}
	}
}

// typed sends a line: as the answer of a form, as the number of a choice, or as a message.
func (c *chat) typed(in *os.File, line string) error {
	if c.form != "" {
		id := c.form
		c.form = ""
		setEcho(in, true)
		fmt.Fprintln(c.app.out)
		if strings.TrimSpace(line) == "" || line == "/cancel" {
			return c.send(terminal.Up{Kind: "cancel", ID: id})
		}
		return c.send(terminal.Up{Kind: "answer", ID: id, Answer: line})
	}
	if n, err := strconv.Atoi(strings.TrimSpace(line)); err == nil && n >= 1 && n <= len(c.picks) {
		b := c.picks[n-1]
		if b.Press == "" {
			fmt.Fprintf(c.app.out, "%s\n> ", b.URL)
			return nil
		}
		return c.send(terminal.Up{Kind: "press", Press: b.Press, On: c.on})
	}
	if strings.TrimSpace(line) == "" {
		fmt.Fprint(c.app.out, "> ")
		return nil
	}
	c.picks = nil
	return c.send(terminal.Up{Kind: "text", Text: line})
}

// draw shows a frame. What grows is written on; what changed in its middle is written anew.
func (c *chat) draw(in *os.File, d terminal.Down) {
	out := c.app.out
	switch d.Kind {
	case "post", "edit":
		old, known := c.shown[d.ID]
		switch {
		case known && strings.HasPrefix(d.Text, old):
			fmt.Fprint(out, d.Text[len(old):])
		case known:
			fmt.Fprint(out, "\n"+d.Text)
		default:
			fmt.Fprint(out, "\r"+d.Text)
		}
		c.shown[d.ID] = d.Text
		if d.Partial {
			return
		}
		fmt.Fprintln(out)
		c.picks, c.on = nil, d.ID
		for i, b := range d.Choices {
			c.picks = append(c.picks, b)
			fmt.Fprintf(out, "  %d  %s\n", i+1, b.Label)
		}
		delete(c.shown, d.ID)
		if d.Kind == "post" || len(c.picks) > 0 || known {
			fmt.Fprint(out, "> ")
		}
	case "ask", "refused":
		text := d.Text
		c.form = d.ID
		fmt.Fprintf(out, "\r%s\n%s (not shown; empty: cancel): ", text, d.Name)
		setEcho(in, false)
	case "asked":
		if c.form == d.ID {
			c.form = ""
			setEcho(in, true)
			fmt.Fprint(out, "\n> ")
		}
	}
}
