"""TOML text becomes :class:`~imgcls.records.config.Settings`, or an error that names file and key."""
