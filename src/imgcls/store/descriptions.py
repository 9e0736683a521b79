"""What is known of models without loading them, by a hash of everything that it depends on."""

from __future__ import annotations

import time

import msgspec

from imgcls.records.description import ModelDescription
from imgcls.store import connection
from imgcls.store.connection import DAY_SECONDS, Connection


class Descriptions(Connection):
    """Descriptions of models."""

    def description(self, about: str) -> ModelDescription | None:
        """What is known of a model; ``about``: a hash of everything that it depends on. None where nothing is known.

        Its use is noted once a day, for :meth:`Store.prune`.
        """
        with self._errors():
            rows = list(self._intact("descriptions of models", "descriptions", "used_at, body", {"about": about}))
        for used_at, body in rows:
            description = msgspec.json.decode(body, type=ModelDescription)
            if used_at < time.time() - DAY_SECONDS:
                self.put_description(about, description)
            return description
        return None

    def put_description(self, about: str, description: ModelDescription) -> None:
        """Store what is known of a model for :meth:`description`."""
        with self._transaction() as transaction:
            connection.write(transaction, "descriptions", [(about, int(time.time()), msgspec.json.encode(description))])
