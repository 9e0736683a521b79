"""``imgcls doctor``: what on this machine would keep a run from working, and what mends it."""

import argparse
import sys
from pathlib import Path
from typing import Any

from imgcls.cli import destinations, output
from imgcls.cli.arguments import examples
from imgcls.session import options as run_options

BROKEN = 3
"""The exit code where something is broken; warnings are 0."""


def add_doctor(commands: Any) -> None:
    doctor = commands.add_parser(
        "doctor",
        help="what on this machine keeps a run from working, and what mends it",
        **examples("imgcls doctor", "imgcls doctor --json doctor.json"),
    )
    doctor.add_argument(
        "--json", type=Path, nargs="?", const=destinations.STANDARD_OUTPUT, metavar="FILE",
        help="print one document for a bug report, without passwords, tokens and user names, or write it to FILE",
    )  # fmt: skip
    run_options.add_quiet(doctor)
    doctor.set_defaults(command=print_findings)


def print_findings(namespace: argparse.Namespace) -> int:
    """Look at this machine, and print what was found, the gravest first; the exit code."""
    from imgcls.doctor import examination, rendering
    from imgcls.reporting import presentation, progress

    with progress.status(sys.stderr) as say, progress.waiting(say, "looking at this machine"):
        findings = examination.examine()
    destinations.write(namespace, {"json": lambda: rendering.document(findings)})
    if not destinations.is_printed(namespace):
        for line in rendering.lines(findings, presentation.terminal_width()):
            output.line(line)
    return BROKEN if any(finding.level == "broken" for finding in findings) else 0
