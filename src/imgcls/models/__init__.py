"""A :class:`~imgcls.records.config.ModelSpec` becomes something with logits."""
