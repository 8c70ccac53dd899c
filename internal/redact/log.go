package redact

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
)

// Handler gives h behind r: the message and every attribute, at any depth and of any kind, go through Clean.
func Handler(h slog.Handler, r *Redactor) slog.Handler { return handler{h, r} }

type handler struct {
	next slog.Handler
	r    *Redactor
}

// Enabled implements slog.Handler.
func (h handler) Enabled(ctx context.Context, l slog.Level) bool { return h.next.Enabled(ctx, l) }

// Handle implements slog.Handler.
func (h handler) Handle(ctx context.Context, rec slog.Record) error {
	clean := slog.NewRecord(rec.Time, rec.Level, h.r.Clean(rec.Message), rec.PC)
	rec.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(h.attr(a))
		return true
	})
	return h.next.Handle(ctx, clean)
}

// WithAttrs implements slog.Handler.
func (h handler) WithAttrs(list []slog.Attr) slog.Handler {
	return handler{h.next.WithAttrs(h.attrs(list)), h.r}
}

// WithGroup implements slog.Handler.
func (h handler) WithGroup(name string) slog.Handler {
	return handler{h.next.WithGroup(h.r.Clean(name)), h.r}
}

func (h handler) attrs(list []slog.Attr) []slog.Attr {
	out := make([]slog.Attr, len(list))
	for i, a := range list {
		out[i] = h.attr(a)
	}
	return out
}

func (h handler) attr(a slog.Attr) slog.Attr {
	a.Key = h.r.Clean(a.Key)
	switch v := a.Value.Resolve(); v.Kind() {
	case slog.KindString:
		a.Value = slog.StringValue(h.r.Clean(v.String()))
	case slog.KindGroup:
		a.Value = slog.GroupValue(h.attrs(v.Group())...)
	case slog.KindAny:
		a.Value = h.any(v)
	default:
		a.Value = v
	}
	return a
}

// any leaves a value as it is if nothing that could be printed of it is secret; else, and if it is an error, it is
// its clean text.
func (h handler) any(v slog.Value) slog.Value {
	switch x := v.Any().(type) {
	case nil:
		return v
	case []byte:
		return slog.StringValue(h.r.Clean(string(x)))
	case error, fmt.Stringer:
		return slog.StringValue(h.r.Clean(fmt.Sprint(x)))
	default:
		text := fmt.Sprintf("%+v", x)
		if clean := h.r.Clean(text); clean != text {
			return slog.StringValue(clean)
		}
		data, err := json.Marshal(x)
		if err != nil {
			return slog.StringValue(text)
		}
		if clean := h.r.Clean(string(data)); clean != string(data) {
			return slog.StringValue(clean)
		}
		return v
	}
}

// Interface guards
var _ slog.Handler = handler{}
