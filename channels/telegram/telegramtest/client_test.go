package telegramtest_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-telegram/bot"
	"github.com/go-telegram/bot/models"

	"chatgateway/channels/telegram/telegramtest"
)

const token = "123456:FAKE-token-for-tests"

// TestOtherClient runs a client library that knows nothing of ours on the server, as it is.
func TestOtherClient(t *testing.T) {
	s := telegramtest.New()
	base, err := s.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	me := s.AddBot(token, "echo_bot")
	got := make(chan *models.Update, 10)
	b, err := bot.New(token, bot.WithServerURL(base),
		bot.WithDefaultHandler(func(_ context.Context, _ *bot.Bot, u *models.Update) { got <- u }))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { b.Start(ctx); close(ended) }()
	defer func() { cancel(); <-ended }()
	ann := s.Person("Ann")
	room := s.Private(me, ann)
	s.Say(ann, room, telegramtest.Line{Text: "/start now"})
	u := next(t, got)
	if u.Message.Text != "/start now" || u.Message.From.ID != ann.ID || u.Message.Entities[0].Type != models.MessageEntityTypeBotCommand {
		t.Fatalf("got %+v", u.Message)
	}

	m, err := b.SendMessage(ctx, &bot.SendMessageParams{
		ChatID: room.ID(), Text: "<b>hello</b> &amp; welcome", ParseMode: models.ParseModeHTML,
		ReplyParameters: &models.ReplyParameters{MessageID: u.Message.ID},
		ReplyMarkup:     &models.InlineKeyboardMarkup{InlineKeyboard: [][]models.InlineKeyboardButton{{{Text: "Yes", CallbackData: "y"}}}},
	})
	if err != nil || m.Text != "hello & welcome" || m.ReplyToMessage.ID != u.Message.ID {
		t.Fatalf("SendMessage gave %+v, %v", m, err)
	}
	press := s.Press(ann, room, int64(m.ID), "Yes")
	cb := next(t, got).CallbackQuery
	if cb == nil || cb.Data != "y" || cb.Message.Message.ID != m.ID {
		t.Fatalf("got %+v; want the press", cb)
	}
	if _, err := b.AnswerCallbackQuery(ctx, &bot.AnswerCallbackQueryParams{CallbackQueryID: cb.ID, Text: "thanks"}); err != nil {
		t.Fatal(err)
	}
	if ok, text := s.Answered(press); !ok || text != "thanks" {
		t.Errorf("answered: %v %q", ok, text)
	}
	if _, err := b.EditMessageText(ctx, &bot.EditMessageTextParams{ChatID: room.ID(), MessageID: m.ID, Text: "changed"}); err != nil {
		t.Fatal(err)
	}
	_, err = b.EditMessageText(ctx, &bot.EditMessageTextParams{ChatID: room.ID(), MessageID: m.ID, Text: "changed"})
	if !errors.Is(err, bot.ErrorBadRequest) || !strings.Contains(err.Error(), "not modified") {
		t.Errorf("an edit without a change gave %v", err)
	}
	doc, err := b.SendDocument(ctx, &bot.SendDocumentParams{
		ChatID: room.ID(), Caption: "a file", Document: &models.InputFileUpload{Filename: "a.txt", Data: bytes.NewReader([]byte("content"))},
	})
	if err != nil || doc.Document.FileName != "a.txt" {
		t.Fatalf("SendDocument gave %+v, %v", doc, err)
	}
	f, err := b.GetFile(ctx, &bot.GetFileParams{FileID: doc.Document.FileID})
	if err != nil || f.FilePath == "" || string(s.Stored(f.FileID)) != "content" {
		t.Errorf("GetFile gave %+v, %v", f, err)
	}
	if ok, err := b.SetMyCommands(ctx, &bot.SetMyCommandsParams{
		Commands: []models.BotCommand{{Command: "help", Description: "Helps"}}, Scope: &models.BotCommandScopeAllPrivateChats{},
	}); !ok || err != nil {
		t.Errorf("SetMyCommands gave %v, %v", ok, err)
	}
	if list, err := b.GetMyCommands(ctx, &bot.GetMyCommandsParams{Scope: &models.BotCommandScopeAllPrivateChats{}}); err != nil || len(list) != 1 {
		t.Errorf("GetMyCommands gave %v, %v", list, err)
	}
	if ok, err := b.DeleteMessage(ctx, &bot.DeleteMessageParams{ChatID: room.ID(), MessageID: u.Message.ID}); !ok || err != nil {
		t.Errorf("DeleteMessage gave %v, %v", ok, err)
	}
	if shown := s.Shown(room); len(shown) != 2 || shown[0].Text != "changed" || shown[1].Caption != "a file" {
		t.Errorf("shown: %+v", shown)
	}
}

// TestOtherClientErrors: what the library makes of the errors of the service.
func TestOtherClientErrors(t *testing.T) {
	s := telegramtest.New()
	base, err := s.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	me := s.AddBot(token, "echo_bot")
	if _, err := bot.New("123456:WRONG-token", bot.WithServerURL(base)); !errors.Is(err, bot.ErrorUnauthorized) {
		t.Errorf("a wrong token gave %v", err)
	}
	b, err := bot.New(token, bot.WithServerURL(base))
	if err != nil {
		t.Fatal(err)
	}
	ann := s.Person("Ann")
	room := s.Private(me, ann)
	send := func(text string, mode models.ParseMode) error {
		_, err := b.SendMessage(t.Context(), &bot.SendMessageParams{ChatID: room.ID(), Text: text, ParseMode: mode})
		return err
	}
	if err := send("hello?", ""); !errors.Is(err, bot.ErrorForbidden) {
		t.Errorf("a message to who never wrote gave %v", err)
	}
	s.Say(ann, room, telegramtest.Line{Text: "hi"})
	if err := send(strings.Repeat("x", 4097), ""); err == nil || !strings.Contains(err.Error(), "message is too long") {
		t.Errorf("4097 characters gave %v", err)
	}
	if err := send("<b>"+strings.Repeat("x", 4096)+"</b>", models.ParseModeHTML); err != nil {
		t.Errorf("4096 characters and markup gave %v", err)
	}
	if err := send("<i>x", models.ParseModeHTML); err == nil || !strings.Contains(err.Error(), "can't parse entities") {
		t.Errorf("bad markup gave %v", err)
	}
	s.Fail(telegramtest.Fault{RetryAfter: 7})
	var wait *bot.TooManyRequestsError
	if err := send("x", ""); !errors.As(err, &wait) || wait.RetryAfter != 7 {
		t.Errorf("a flood gave %v", err)
	}
	s.Fail(telegramtest.Fault{Code: 502, HTML: true})
	if err := send("x", ""); err == nil || !strings.Contains(err.Error(), "decode") {
		t.Errorf("an HTML page gave %v", err)
	}
	s.Block(ann, me, true)
	if err := send("x", ""); !errors.Is(err, bot.ErrorForbidden) || !strings.Contains(err.Error(), "blocked") {
		t.Errorf("a block gave %v", err)
	}
	g := s.Group("old", me)
	n := g.Migrate()
	var moved *bot.MigrateError
	if _, err := b.SendMessage(t.Context(), &bot.SendMessageParams{ChatID: g.ID(), Text: "x"}); !errors.As(err, &moved) || int64(moved.MigrateToChatID) != n.ID() {
		t.Errorf("a migrated group gave %v", err)
	}
}

func next(t *testing.T, got chan *models.Update) *models.Update {
	t.Helper()
	select {
	case u := <-got:
		return u
	case <-time.After(10 * time.Second):
		t.Fatal("no update arrived")
		return nil
	}
}
