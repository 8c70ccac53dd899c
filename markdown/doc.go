// Package markdown shows the Markdown that models write on chat services, in mail and on our own page.
//
// Every renderer walks goldmark's tree and escapes each piece of text as it writes it, so that what comes out is
// well formed by construction: no tag is left open, no text becomes markup, no markup is looked for in the output.
// Raw HTML in the source is text. Links lead to http, https and mailto alone; what else stands as a destination is
// shown as text. Pictures become links: nothing is fetched by reading an answer.
//
// Any string is valid input, also the beginning of an answer that still grows: what is open at its end is closed.
// [Growing] prepares such a beginning so that half a marker is not seen. What shows nothing, such as an empty block of
// code, gives an empty text: see before sending it.
//
// An answer that is longer than one message is cut with [Fit], which says where, and [Split], which cuts there:
//
//	for rest := md; rest != ""; {
//		var head string
//		head, rest = markdown.Split(rest, markdown.Fit(rest, 4096, markdown.TelegramLen))
//		send(markdown.Telegram(head))
//	}
//
// Services count in their own units: use the Len function of the same name as the renderer.
//
// All functions are pure and may be called from several goroutines.
package markdown
