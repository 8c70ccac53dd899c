package store

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"chatgateway/channels"
)

// TestMigrateKeeps opens a database of each earlier version: what was undone in it still is.
func TestMigrateKeeps(t *testing.T) {
	for version := 1; version < 4; version++ {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "gateway.db")
			ofVersion(t, path, version,
				`INSERT INTO messages VALUES (7, 'telegram', 'c', 'm7', 0, 0, 1, 0), (8, 'telegram', 'c', 'm8', 1, 3, 1, 0), (6, 'telegram', 'c', 'm6', 2, 2, 1, 0)`,
				`INSERT INTO bodies VALUES (7, '{"Text":"queued"}'), (8, '{"Text":"in a turn"}')`,
				`INSERT INTO turns (id, account, conversation, kind, state, epoch, begun, final) VALUES (3, 'telegram', 'c', 'model', 'answered', 0, 1, 'so it is')`,
				`INSERT INTO parts VALUES (3, 0, 'b1', 'so')`,
				`INSERT INTO questions VALUES (5, 'telegram', 'c', 'ann', 'openai', 1, 99)`)
			s := open(t, path, Options{})
			queue := s.Queue(Conv{tg, "c"})
			if len(queue) != 1 || queue[0].Message.Text != "queued" || queue[0].Seq != 7 {
				t.Errorf("queued: %+v", queue)
			}
			turns, err := s.Undone(t.Context())
			if err != nil || len(turns) != 1 || turns[0].Final != "so it is" || len(turns[0].Items) != 1 || len(turns[0].Parts) != 1 {
				t.Errorf("undone: %+v, %v", turns, err)
			}
			if q, err := s.Questions(t.Context()); err != nil || len(q) != 1 || q[0].ID != 5 {
				t.Errorf("questions: %+v, %v", q, err)
			}
			again, err := s.Keep(t.Context(), tg, []Incoming{text("m6", "taken before"), text("m9", "new")}, nil, nil)
			if err != nil || len(again) != 1 || again[0].Message.ID != channels.MessageID("m9") || again[0].Seq < 9 {
				t.Errorf("kept: %+v, %v", again, err)
			}
		})
	}
}

// ofVersion makes a database of an earlier version, and fills it.
func ofVersion(t *testing.T, path string, version int, fill ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", uri(path, nil))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // in a test
	run := func(text string) {
		if _, err := db.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	steps, err := migrations.ReadDir("migrations")
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range steps[:version] {
		text, err := migrations.ReadFile("migrations/" + step.Name())
		if err != nil {
			t.Fatal(err)
		}
		run(string(text))
	}
	run("CREATE TABLE schema_version (version BIGINT NOT NULL)")
	run(fmt.Sprintf("INSERT INTO schema_version VALUES (%d)", version))
	for _, text := range fill {
		run(text)
	}
}

// TestNumbersGoOn prunes all, and opens anew: no turn gets a number that another had.
func TestNumbersGoOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gateway.db")
	turn := func() (id int64) {
		s := open(t, path, Options{})
		items := mustKeep(t, s, text(fmt.Sprint("m", time.Now().UnixNano()), "hello"))
		begun, err := s.Begin(t.Context(), chat, "model", seqs(items), true)
		if err != nil {
			t.Fatal(err)
		}
		s.Finish(begun.ID)
		if _, err := s.Prune(t.Context(), time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		return begun.ID
	}
	if first, second := turn(), turn(); second <= first {
		t.Errorf("the second turn has number %d, the first had %d", second, first)
	}
}
