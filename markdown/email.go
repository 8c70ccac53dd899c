package markdown

// Email returns the two parts of a mail that says md: plain text, and a whole HTML document that loads nothing from
// anywhere.
func Email(md string) (text, html string) {
	h := &htmlWriter{mail: true, out: make([]byte, 0, len(md)*2+1024)}
	h.raw(mailHead)
	h.document(md)
	h.raw("</body>\n</html>\n")
	return Plain(md), string(h.out)
}

const mailHead = `<!DOCTYPE html>
<html>
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark"></head>
<body style="font-family:sans-serif;font-size:15px;line-height:1.45">
`

// mailStyles are the styles of tags in mail. They suit a light page and a dark one.
var mailStyles = map[string]string{
	"pre":        "background:rgba(128,128,128,.15);padding:8px;white-space:pre-wrap;font-family:monospace",
	"code":       "background:rgba(128,128,128,.15);font-family:monospace",
	"blockquote": "border-left:3px solid #999;margin-left:0;padding-left:10px",
	"table":      "border-collapse:collapse",
	"th":         "border:1px solid #999;padding:3px 8px",
	"td":         "border:1px solid #999;padding:3px 8px",
}
