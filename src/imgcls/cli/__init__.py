"""The command ``imgcls``, a file per subcommand."""
