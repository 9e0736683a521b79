"""``imgcls profile``: the operators of a model, and which of them moved since a profile that was kept."""

import argparse
from datetime import UTC, datetime

from imgcls import config, documents, score_command


def profile(options: argparse.Namespace) -> int:
    """Print the operators and what moved, write the documents; the exit code."""
    for file in (options.json, options.trace):
        if file:
            config.check_writable(file)
    [spec] = score_command.asked_models(options.config, [options.model])
    from imgcls import conditions, operator_tables, operators
    from imgcls.models import Shelf

    before = operators.read(options.against, spec.name, options.device) if options.against else None
    model = Shelf({spec.name: spec}, options.device).get(spec.name)
    if before:
        operators.check(before.conditions, conditions.of(model, options.batch))
    after = operators.profile(model, options.batch, options.repeats, options.trace)
    movements = operators.compare(before, after) if before else []
    print(operator_tables.text(after, options.sort), end="")
    for movement in movements:
        print(operator_tables.differences(movement), end="")
    if options.json:
        made_at = datetime.now(UTC).isoformat(timespec="seconds")
        document = {"format": operators.FORMAT, "made_at": made_at, "profiles": [after]}
        documents.write(options.json, document | ({"movements": movements} if before else {}))
    return 0
