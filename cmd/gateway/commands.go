package main

import "github.com/spf13/cobra"

// commands are the subcommands, in the order of the help.
func (a *app) commands() []*cobra.Command {
	return []*cobra.Command{
		a.serveCommand(),
		a.chatCommand(),
		a.statusCommand(),
		a.openCommand(),
		a.authCommand(),
		a.loginCommand("login", "signin"),
		a.logoutCommand("logout", "signout"),
		a.channelsCommand(),
		a.modelsCommand(),
		a.configCommand(),
		a.accessCommand(),
		a.doctorCommand(),
		a.securityCommand(),
		a.importCommand(),
		a.auditCommand(),
		a.versionCommand(),
	}
}
