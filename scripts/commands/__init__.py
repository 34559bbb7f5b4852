"""The commands: one module each, its docstring the help; thin, over the modules that do the work."""
