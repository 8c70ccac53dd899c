// Package owner keeps files with the owner of their folder. Without it, one command that is run with sudo leaves files
// of root in somebody's home folder, which lock the gateway out when it runs as that person again.
package owner

// Adopt gives the file at path to the owner of the folder it is in, if we are root and the folder is not root's; else
// it does nothing. It follows no symbolic link.
func Adopt(path string) error { return adopt(path) }

// Foreign says who has the file at path, if that is neither we, nor root, who could change it anyway, nor, where we are
// root, the owner of the folder it is in. It follows no symbolic link. A missing file is nobody's, and where files have
// no such owners none is foreign.
func Foreign(path string) (who string, foreign bool) { return foreignOwner(path) }
