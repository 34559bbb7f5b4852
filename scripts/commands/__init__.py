"""The commands, one thin module each; the docstring is the help text."""
