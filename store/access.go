package store

import (
	"context"
	"database/sql"
	"fmt"

	"chatgateway/access"
)

// LoadAccess implements access.Store.
func (s *Store) LoadAccess(ctx context.Context) (all access.Saved, err error) {
	err = s.atStart(ctx, "access", func(ctx context.Context, q querier) error {
		all, err = loadAccess(ctx, q)
		return err
	})
	return all, err
}

func loadAccess(ctx context.Context, q querier) (all access.Saved, err error) {
	err = each(ctx, q, func(r *sql.Rows) error {
		var g access.Grant
		var since int64
		if err := r.Scan(&g.Account, &g.ID, &g.Role, &g.Groups, &g.Name, &g.By, &since); err != nil {
			return err
		}
		g.Since = fromMillis(since)
		all.Grants = append(all.Grants, g)
		return nil
	}, `SELECT account, person, role, everywhere, name, giver, since FROM access_grants`)
	if err != nil {
		return all, err
	}
	err = each(ctx, q, func(r *sql.Rows) error {
		var a access.Ask
		var until int64
		if err := r.Scan(&a.Account, &a.ID, &a.Name, &a.Hash, &a.Denied, &until); err != nil {
			return err
		}
		a.Until = fromMillis(until)
		all.Asks = append(all.Asks, a)
		return nil
	}, "SELECT account, person, name, hash, denied, until FROM access_asks")
	if err != nil {
		return all, err
	}
	err = each(ctx, q, func(r *sql.Rows) error {
		var t access.Tries
		var until int64
		if err := r.Scan(&t.What, &t.Wrong, &until); err != nil {
			return err
		}
		t.Until = fromMillis(until)
		all.Tries = append(all.Tries, t)
		return nil
	}, "SELECT what, wrong, until FROM access_tries")
	return all, err
}

// SaveAccess implements access.Store.
func (s *Store) SaveAccess(ctx context.Context, changes ...access.Change) error {
	return s.write(ctx, &op{run: func(ctx context.Context, t *tx) error {
		for _, c := range changes {
			if err := saveAccess(ctx, t, c); err != nil {
				return fmt.Errorf("store: access: %w", err)
			}
		}
		return nil
	}})
}

func saveAccess(ctx context.Context, t *tx, c access.Change) (err error) {
	switch g, a, tr := c.Grant, c.Ask, c.Tries; {
	case g != nil && c.Remove:
		_, err = t.exec(ctx, "DELETE FROM access_grants WHERE account = ? AND person = ?", g.Account, g.ID)
	case g != nil:
		_, err = t.exec(ctx, `INSERT INTO access_grants (account, person, role, everywhere, name, giver, since) VALUES (?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (account, person) DO UPDATE SET role = excluded.role, everywhere = excluded.everywhere, name = excluded.name,
			giver = excluded.giver, since = excluded.since`, g.Account, g.ID, int(g.Role), flag(g.Groups), g.Name, g.By, millis(g.Since))
	case a != nil && c.Remove:
		_, err = t.exec(ctx, "DELETE FROM access_asks WHERE account = ? AND person = ?", a.Account, a.ID)
	case a != nil:
		_, err = t.exec(ctx, `INSERT INTO access_asks (account, person, name, hash, denied, until) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (account, person) DO UPDATE SET name = excluded.name, hash = excluded.hash, denied = excluded.denied, until = excluded.until`,
			a.Account, a.ID, a.Name, a.Hash, flag(a.Denied), millis(a.Until))
	case tr != nil && c.Remove:
		_, err = t.exec(ctx, "DELETE FROM access_tries WHERE what = ?", tr.What)
	case tr != nil:
		_, err = t.exec(ctx, "INSERT INTO access_tries (what, wrong, until) VALUES (?, ?, ?) ON CONFLICT (what) DO UPDATE SET wrong = excluded.wrong, until = excluded.until",
			tr.What, tr.Wrong, millis(tr.Until))
	}
	return err
}

// Interface guards
var _ access.Store = (*Store)(nil)
