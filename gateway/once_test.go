package gateway

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"chatgateway/commands"
	"chatgateway/store"
)

// A kill while a command runs finds it marked as begun: the files, as they are on disk then, have it as a turn of its
// own, which the next start does not run again.
func TestACommandIsMarkedBeforeItRuns(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		found := filepath.Join(w.t.TempDir(), filepath.Base(w.path))
		w.g.o.Commands = append(w.g.o.Commands, commands.Command{Name: "dig", Run: func(context.Context, *commands.Call) error {
			for _, end := range []string{"", "-wal"} {
				data, err := os.ReadFile(w.path + end)
				if err != nil {
					return err
				}
				if err := os.WriteFile(found+end, data, 0o600); err != nil {
					return err
				}
			}
			return nil
		}})
		w.say("ann", "/dig")
		st, err := store.Open(w.t.Context(), found, store.Options{Sync: "normal"})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = st.Close() }()
		turns, err := st.Undone(w.t.Context())
		if err != nil || len(turns) != 1 || turns[0].Kind != "command" {
			t.Errorf("while it ran the disk had the turns %+v (%v), want that of /dig", turns, err)
		}
	})
}
