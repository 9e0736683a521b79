"""The unit of every number in a result document, by record and field."""

from collections.abc import Mapping

WORDS = (
    "percent", "fraction", "millions", "thousand millions", "nanoseconds", "seconds", "bytes", "bytes per call",
    "images per second", "pixels", "count", "number of a class", "ratio", "probability", "exit code",
    "standard deviations", "logits", "unit of its metric",
)  # fmt: skip
"""Every unit there is. A percent is from 0 to 100, a fraction from 0 to 1; ``number of a class`` counts from 0."""

BY_ENDING: Mapping[str, str] = {
    "_ns": "nanoseconds",
    "_bytes": "bytes",
    "_seconds": "seconds",
    "_count": "count of images",
}
"""What the end of a field's name states, where :data:`BY_FIELD` has nothing else."""

_UNITS = "count of images, or of groups where of_images is not null"
_P_VALUE = "probability under no difference"
_CLASS = "number of a class; name; fraction"
_CENTRED = "standard deviations of the reference's logits"

BY_FIELD: Mapping[str, Mapping[str, str]] = {
    "AllocationSite": {"bytes": "bytes"},
    "ClassDifference": {
        "images": "count of images", "losses": "count of images", "gains": "count of images",
        "p_value": _P_VALUE, "p_holm": f"{_P_VALUE}, over all folders",
    },
    "ClassProbability": {"": "number of a class; name; fraction: its probability"},
    "ClassScore": {"scored": "count of images", "answered": "count of images"},
    "DatasetFiles": {
        **dict.fromkeys(("listed", "scored", "rejected", "ignored"), "count of paths"),
        "ignored_suffixes": "count of paths", "remarks": "count of images",
    },
    "Difference": {
        **dict.fromkeys(("images", "losses", "gains"), _UNITS),
        **dict.fromkeys(("difference", "low", "high", "detectable"), "fraction of the images"),
        "before_count": _UNITS, "after_count": _UNITS, "p_value": _P_VALUE, "of_images": "count of images",
    },
    "Failure": {"exit_code": "exit code"},
    "Fault": {"explained": "fraction of the difference", "top1_lost": "count of images"},
    "Flip": {"before": f"{_CLASS}: its probability", "after": f"{_CLASS}: its probability"},
    "Growth": {
        "calls": "count of calls", **dict.fromkeys(("bytes_per_call", "low", "high"), "bytes per call"),
    },
    "Latency": {"images_per_second": "images per second"},
    "LogitDistance": {
        "images": "count of images", "std": "logits",
        **dict.fromkeys(("largest", "median", "tolerance", "sensitivity"), _CENTRED),
    },
    "Machine": {"cores": "count of cores", "quota": "count of CPUs, and parts of one"},
    "Operator": {"calls": "count of calls"},
    "PairwiseTest": {
        **dict.fromkeys(("images", "first_only", "second_only", "images_needed"), _UNITS),
        "difference": "fraction of the images", "p_value": _P_VALUE, "p_holm": f"{_P_VALUE}, over all pairs",
        "of_images": "count of images",
    },
    "Parity": dict.fromkeys(("images", "same_top1", "same_top5"), "count of images"),
    "Pass": {"seconds": "seconds"},
    "Peak": {"weights": "bytes, by dtype"},
    "PredictionChange": dict.fromkeys(("images", "top1", "top5"), "count of images"),
    "Result": {
        "param_count": "millions of parameters",
        **dict.fromkeys(("listed", "rejected", "ignored", "unscored", "scored"), "count of paths"),
        **dict.fromkeys(("distinct", "from_store"), "count of images"),
        **{f"{top}{end}": "percent of the scored images" for top in ("top1", "top5") for end in ("", "_err")},
        **{f"{top}{end}": "percent of the units" for top in ("top1", "top5") for end in ("_low", "_high")},
        "macro_f1": "percent, the mean over folders", "overall_top5": f"{_CLASS}: its mean probability",
        "img_size": "pixels",
        "crop_pct": "fraction of the resized image's side", "images_per_second": "images per second",
        "ids_ignored": "count of ids", "accepted": "number of a class", "class_count": "count of classes",
    },
    "RunEnvironment": {
        "batch": "count of images", "threads": "count of threads", "parameters": "count of parameters",
        "gmacs": "thousand millions of multiply-accumulates per image",
    },
    "Screened": {
        "bound": "logits", **dict.fromkeys(("reduced", "again", "audited", "changed"), "count of images"),
        "most_changed": "fraction of the images in reduced precision only",
    },
    "ServingImage": {"distance": "standard deviations of the reference's tensor; of a service: a fraction"},
    "Shard": {"number": "count of shards up to this one", "count": "count of shards"},
    "StepError": {"error": "standard deviations of the reference's output", "share": "fraction of the distance"},
    "Units": {"scored": "count of units"},
    "Verdict": {"threshold": "unit of its metric: accuracies and shares are fractions"},
}  # fmt: skip
"""What a field holds; the unit, one of :data:`WORDS`, comes first."""


def of(record: str, field: str) -> str | None:
    """What the numbers of a field are, which begins with their unit; None where it is not known here."""
    stated = BY_FIELD.get(record, {}).get(field)
    return stated or next((unit for ending, unit in BY_ENDING.items() if field.endswith(ending)), None)


def word(text: str) -> str:
    """The unit that a text of :func:`of` begins with. Raises ValueError where it is none of :data:`WORDS`."""
    fitting = [unit for unit in WORDS if text.startswith(unit)]
    if not fitting:
        raise ValueError(f"{text!r} does not begin with a unit of {__name__}.WORDS")
    return max(fitting, key=len)
