package discord

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"mime/multipart"
	"net/textproto"
	"strings"

	"chatgateway/channels"
	"chatgateway/internal/adapter"
	"chatgateway/markdown"
)

const (
	messageMax = 2000 // characters of a message
	filesMost  = 10   // files of a message
	buttonsMax = 5    // choices shown as buttons; more are a menu
	menuMax    = 25   // options of a menu
	rowsMax    = 5    // rows of controls under a message
	addressMax = 512  // letters of a link
)

// outgoing is what a post shows besides its text.
type outgoing struct {
	components []wireComponent // in place of the post's choices
	files      []channels.File
}

// show posts p and gives the id of its last message.
func (c *channel) show(ctx context.Context, p channels.Post, with outgoing) (channels.MessageID, error) {
	to, err := parseConversation(p.To)
	if err != nil {
		return "", err
	}
	by := c.tokenFor(p)
	if p.Only != "" && !to.dm && by == nil {
		return "", unsupported("only a command or a press can be answered to one person alone")
	}
	hidden := p.Only != "" && !to.dm
	var last channels.MessageID
	for n, part := range c.parts(p, with) {
		part.Nonce, part.EnforceNonce = nonce(p, n), true
		var files []channels.File
		if n == 0 {
			files = with.files
			part.Reference = reference(p, to)
		}
		id, err := c.showPart(ctx, p, to, by, hidden, part, files)
		if err != nil {
			return last, err
		}
		last = id
	}
	return last, nil
}

// showPart posts one message: by the interaction that it answers, where it must be hidden or where its person waits
// for the answer; else as a message like others.
func (c *channel) showPart(ctx context.Context, p channels.Post, to address, by *interaction, hidden bool, part wirePost, files []channels.File) (channels.MessageID, error) {
	if by != nil && (hidden || by.hidden || by.waits()) {
		m, err := by.post(ctx, part, files, hidden || by.hidden, p.Partial)
		switch {
		case err == nil:
			return c.keepAnswer(m, by), nil
		case hidden || by.hidden || !errors.Is(err, errors.ErrUnsupported) || ctx.Err() != nil:
			return "", err
		}
	}
	m, err := c.post(ctx, to, part, files, p.Partial)
	if part.Reference != nil && is(err, codeNoHistory) { // without that permission the bot may write, and not reply
		part.Reference = nil
		m, err = c.post(ctx, to, part, files, p.Partial)
	}
	if by != nil && (errors.Is(err, channels.ErrGone) || errors.Is(err, channels.ErrSetup)) {
		// Commands can be given where the bot may not write.
		if m, err = by.post(ctx, part, files, false, p.Partial); err == nil {
			return c.keepAnswer(m, by), nil
		}
	}
	return c.shownAs(&m), err
}

// post posts a message into a channel, opening the thread that it goes to if that is not there yet.
func (c *channel) post(ctx context.Context, to address, part wirePost, files []channels.File, partial bool) (m wireShown, err error) {
	if to, err = c.openThread(ctx, to, false); err != nil {
		return m, err
	}
	cl, err := withFiles(call{what: doSend, method: "POST", path: "/channels/" + to.channel + "/messages", route: "/channels/#/messages",
		major: to.channel, partial: partial}, part, files)
	if err != nil {
		return m, err
	}
	err = c.rest.do(ctx, cl, &m)
	if to.parent != "" && is(err, codeUnknownChannel) { // it was to be opened by an answer that a restart cut off
		if _, oerr := c.openThread(ctx, to, true); oerr == nil {
			err = c.rest.do(ctx, cl, &m)
		}
	}
	return m, err
}

// parts makes the messages that show p: its text in as many as it takes, its choices under the last.
func (c *channel) parts(p channels.Post, with outgoing) []wirePost {
	var parts []wirePost
	add := func(content string, rows []wireComponent) {
		parts = append(parts, wirePost{Content: content, Components: rows, Mentions: allowedMentions{Parse: []string{}}, Flags: flagNoPreviews})
	}
	for md := p.Text; md != ""; {
		var head string
		head, md = markdown.Split(md, fit(md))
		add(render(head), []wireComponent{})
	}
	if len(parts) == 0 {
		content := "…"
		if len(with.files) > 0 {
			content = ""
		}
		add(content, []wireComponent{})
	}
	rows := with.components
	if rows == nil {
		rows = controls(p.Choices)
	}
	last := len(parts) - 1
	for n := 0; len(rows) > 0; n++ {
		take := min(len(rows), rowsMax)
		if n == 0 {
			parts[last].Components = rows[:take]
		} else {
			add("…", rows[:take])
		}
		rows = rows[take:]
	}
	return parts
}

// fit says how much of md one message holds.
func fit(md string) int { return markdown.Fit(md, messageMax, markdown.DiscordLen) }

// render writes md in Discord's Markdown; it is never empty, nor longer than a message.
func render(md string) string {
	s := markdown.Discord(md)
	if strings.TrimSpace(s) == "" {
		return "…"
	}
	if markdown.UTF16Len(s) > messageMax { // one rune that becomes many, or a text that was not cut
		head, _ := markdown.Split(md, fit(md))
		s = adapter.Clip(markdown.Discord(head), messageMax/2)
	}
	return s
}

// controls shows choices: a few as buttons, many as menus, links always as buttons.
func controls(choices []channels.Choice) []wireComponent {
	var rows []wireComponent
	var presses, links, buttons []wireComponent // buttons: both, in their order
	var options []wireChoice
	for _, c := range choices {
		switch {
		case c.URL != "" && adapter.WebAddress(c.URL, addressMax):
			links = append(links, wireComponent{Type: componentButton, Style: buttonLink, Label: adapter.Clip(c.Label, 80), URL: c.URL})
			buttons = append(buttons, links[len(links)-1])
		case c.Press != "":
			presses = append(presses, wireComponent{Type: componentButton, Style: buttonPlain, Label: adapter.Clip(c.Label, 80), CustomID: string(c.Press)})
			buttons = append(buttons, presses[len(presses)-1])
			options = append(options, wireChoice{Label: adapter.Clip(c.Label, 100), Value: string(c.Press)})
		}
	}
	if len(presses) <= buttonsMax {
		options = nil
	} else {
		buttons = links
	}
	for n := 0; len(options) > 0; n++ {
		page := options[:min(len(options), menuMax)]
		options = options[len(page):]
		title := "Choose one"
		if n > 0 || len(options) > 0 {
			title = fmt.Sprintf("%s … %s", adapter.Clip(page[0].Label, 60), adapter.Clip(page[len(page)-1].Label, 60))
		}
		rows = append(rows, wireComponent{Type: componentRow, Components: []wireComponent{
			{Type: componentSelect, CustomID: fmt.Sprintf("%s%d", menuMark, n), Placeholder: title, Options: page}}})
	}
	for len(buttons) > 0 {
		row := buttons[:min(len(buttons), 5)]
		buttons = buttons[len(row):]
		rows = append(rows, wireComponent{Type: componentRow, Components: row})
	}
	return rows
}

// reference answers the message in a guild; in direct conversations it would only be noise. The message that a thread was
// opened on is not in the thread.
func reference(p channels.Post, to address) *wireReference {
	if _, ok := snowflake(string(p.Answers)); !ok || to.dm || string(p.Answers) == to.channel {
		return nil
	}
	return &wireReference{Message: string(p.Answers)}
}

// nonce is the same for the same part of the same post: Discord then makes one message of two requests. Where a post
// has no key it still lets a request be repeated whose answer was lost.
func nonce(p channels.Post, n int) string {
	if p.Key == "" {
		return rand.Text()[:25]
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%d", p.To, p.Key, n))
	return base64.RawURLEncoding.EncodeToString(sum[:18])
}

// withFiles puts a post into a request, with its files if there are any.
func withFiles(c call, p wirePost, files []channels.File) (call, error) {
	if len(files) == 0 {
		c.body = p
		return c, nil
	}
	if len(files) > filesMost {
		return c, fmt.Errorf("discord: %d files, a message takes %d", len(files), filesMost)
	}
	for n, f := range files {
		p.Attachments = append(p.Attachments, wireFile{n, f.Name})
	}
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	about, err := json.Marshal(p)
	if err != nil {
		return c, fmt.Errorf("discord: %s: %w", c.what, err)
	}
	parts := []channels.File{{Name: "payload_json", Type: "application/json", Data: about}}
	for n, f := range append(parts, files...) {
		disposition := `form-data; name="payload_json"`
		if n > 0 {
			disposition = fmt.Sprintf(`form-data; name="files[%d]"; filename="%s"`, n-1, fileName.Replace(f.Name))
		}
		h := textproto.MIMEHeader{"Content-Disposition": {disposition}, "Content-Type": {"application/octet-stream"}}
		if f.Type != "" && !strings.ContainsAny(f.Type, "\r\n") {
			h.Set("Content-Type", f.Type)
		}
		part, err := w.CreatePart(h)
		if err == nil {
			_, err = part.Write(f.Data)
		}
		if err != nil {
			return c, fmt.Errorf("discord: %s: %w", c.what, err)
		}
	}
	if err := w.Close(); err != nil {
		return c, fmt.Errorf("discord: %s: %w", c.what, err)
	}
	c.raw, c.content = body.Bytes(), w.FormDataContentType()
	return c, nil
}

var fileName = strings.NewReplacer("\\", "_", `"`, "_", "\r", "_", "\n", "_")
