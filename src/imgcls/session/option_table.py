"""The options of a run as parsers declare them: one table of their texts for every door."""

from collections.abc import Mapping
from typing import Any

from imgcls.session import required
from imgcls.system import devices

OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "config": {
        "action": "append", "default": [], "metavar": "FILE",
        "help": "configuration instead of the imgcls.toml or [tool.imgcls] in reach; may be given several times",
    },
    "models": {"metavar": "A,B", "help": "only these models of the configuration"},
    "datasets": {"metavar": "X,Y", "help": "only these datasets of the configuration"},
    "device": {
        "choices": tuple(devices.DEVICES),
        "help": "where models run (default: scored on the CPU, measured on every device that is available)",
    },
    "offline": {"action": "store_true", "help": "do not fetch weights: use those that are here"},
    "store": {"metavar": "DIR|off", "help": "where predictions are stored (default: .imgcls), or off"},
    "shard": {"metavar": "I/N|auto", "help": "score only this part of the images, as in 1/8; auto: as SLURM has it"},
    "engine": {"metavar": "ray[=ADDRESS]", "help": "score on Ray: on a cluster of this machine, or on that at ADDRESS"},
    "plan": {"metavar": "FILE", "help": "take runtimes from FILE, which `imgcls plan` writes"},
    "trust-mtime": {
        "action": "store_true",
        "help": "do not hash files again whose size, modification time and inode are unchanged",
    },
    "json": {"metavar": "FILE", "help": "write the result document to FILE"},
    "json-summary": {"action": "store_true", "help": "leave the predictions out of the document"},
    "csv": {"metavar": "FILE", "help": "write a line per model and dataset to FILE, with timm's names of columns"},
    "markdown": {"metavar": "FILE", "help": "write the tables and the verdicts to FILE as Markdown"},
    "report": {"metavar": "FILE", "help": "write the report to FILE: one HTML page, with images, charts and tables"},
    "comment": {
        "metavar": "FILE",
        "help": "write the comment of a pull request to FILE as Markdown, empty where nothing moved",
    },
    "code-quality": {"metavar": "FILE", "help": "write the gates that do not pass to FILE, as GitLab reads them"},
    "columns": {
        "metavar": "A,B",
        "help": "the columns of the tables of models, by the names in their heads (default: those that fit)",
    },
    "save": {"metavar": "FILE", "help": "save this run to FILE, as a baseline for later ones"},
    "baseline": {"metavar": "FILE|last", "help": "compare with this saved run, or with the last one"},
    "compare-fail": {
        "action": "append", "default": [], "metavar": "top1:0.005",
        "help": "fail unless it is shown that accuracy drops by at most this much, as a fraction, against the "
        "baseline or the first model",
    },
    "compare-common": {
        "action": "store_true",
        "help": "leave out images that only one of the two runs has, instead of failing",
    },
    "inconclusive": {
        "choices": ("fail", "warn"), "default": "fail",
        "help": "what a gate does that has too few images to decide (default: fail)",
    },
    "require-gates": {
        "nargs": "?", "const": required.ALL, "metavar": "all|none|" + ",".join(required.KINDS),
        "help": "the kinds of gates and limits that fail the run where no test evaluated them (default: those whose "
        "tests were selected); give the value behind =, without one it is all",
    },
    "profile": {
        "action": "append", "default": [], "metavar": "MODEL",
        "help": "after the tests, print the operators of this model; may be given several times",
    },
    "update-golden": {
        "action": "store_true",
        "help": "write golden records instead of comparing with them, and print what changed",
    },
    "unused-golden": {
        "choices": ("warn", "fail"), "default": "warn",
        "help": "what a golden record does that no test read (default: warn)",
    },
    "memray-dir": {"metavar": "DIR", "help": "keep memray's captures and flame graphs in DIR"},
}  # fmt: skip
"""Every option of a run, with argparse's own keywords: ``--imgcls-NAME`` of pytest, ``--NAME`` of the command."""
