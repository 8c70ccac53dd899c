package main

import "net/http"

func (s *server) handleTerminal(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, "not yet", http.StatusNotImplemented)
}
