package email

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Test implements channels.Tester.
func (c *channel) Test(ctx context.Context) ([]string, error) {
	b, err := c.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer b.close()
	lines := []string{"The mailbox is open: " + c.o.Secrets.Secret("username").Reveal() + " at " + c.set.IMAPHost + "."}
	if b.idles() {
		lines = append(lines, "The server says at once when mail comes (IDLE).")
	} else {
		lines = append(lines, "The server cannot say when mail comes (no IDLE); it is looked for every "+c.set.PollInterval.String()+".")
	}
	names, err := b.folders()
	if err != nil {
		return lines, fmt.Errorf("email: list the folders: %w", err)
	}
	lines = append(lines, "Folders: "+strings.Join(names[:min(len(names), 30)], ", ")+".")
	f, err := b.open(c.set.Folder, true)
	if err != nil {
		return lines, &failure{fmt.Errorf("email: open the folder: %w", err), "The folder " + c.set.Folder + " cannot be opened; set folder in config.yaml to one of those listed."}
	}
	lines = append(lines, fmt.Sprintf("It reads %s, which holds %d mails.", c.set.Folder, f.mails))
	if c.set.After == "move" && !slices.Contains(names, c.set.MoveTo) {
		lines = append(lines, "The folder "+c.set.MoveTo+" of move_to is missing.")
	}
	if c.set.SentFolder != "" && !slices.Contains(names, c.set.SentFolder) {
		lines = append(lines, "The folder "+c.set.SentFolder+" of sent_folder is missing; no copies are kept.")
	}
	said, err := c.servers(b, f)
	if err != nil {
		return lines, err
	}
	lines = append(lines, said)
	cr, err := c.credentials(ctx, false)
	if err != nil {
		return lines, err
	}
	if err := c.transmit(ctx, cr, nil); err != nil {
		return lines, fmt.Errorf("email: sign in to send: %w", err)
	}
	return append(lines, "Mail is sent as "+c.own()+" over "+c.set.SMTPHost+"."), nil
}

// servers says which servers' Authentication-Results the newest mails bear.
func (c *channel) servers(b mailbox, f folder) (string, error) {
	trusted := c.trusted()
	uids, err := b.above(max(f.next, 200) - 200)
	if err != nil {
		return "", fmt.Errorf("email: look at mail: %w", err)
	}
	ids := map[string]int{}
	var order []string
	err = b.read(uids[max(0, len(uids)-20):], 64<<10, func(_ uint32, raw []byte) {
		m, err := c.parse(raw, true)
		if err != nil {
			return
		}
		if id, _, ok := authResults(m.header.Get("Authentication-Results")); ok {
			if ids[id]++; ids[id] == 1 {
				order = append(order, id)
			}
		}
	})
	if err != nil {
		return "", fmt.Errorf("email: look at mail: %w", err)
	}
	switch {
	case len(trusted) > 0:
		return "Senders count as far as " + strings.Join(trusted, ", ") + " vouches for them.", nil
	case len(order) > 0:
		return "Nobody will be answered until authserv_id is set. The newest mails bear: " + strings.Join(order, ", ") + ". Set the one that is your own server's.", nil
	}
	return "Nobody will be answered until authserv_id is set to the name that your server puts into Authentication-Results; no mail here bears one.", nil
}
