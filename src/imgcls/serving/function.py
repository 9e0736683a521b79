"""Somebody's own preprocessing: imported, fed in the form that it takes, and what it returns made comparable."""

from __future__ import annotations

import inspect
import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import torch
from PIL import Image

from imgcls import folder_imports
from imgcls.errors import ConfigError, ModelError
from imgcls.messages import did_you_mean, one_line
from imgcls.preprocessing import decode
from imgcls.serving.images import CheckImage
from imgcls.serving.resizing import Values

Form = Literal["bytes", "path", "Pillow image", "NumPy array"]

FORMS: Mapping[Form, tuple[str, ...]] = {
    "bytes": ("bytes",),
    "path": ("Path", "str"),
    "Pillow image": ("Image",),
    "NumPy array": ("ndarray", "NDArray"),
}
"""What a function may take, in the order in which they are tried, and the annotations that say so."""

Function = Callable[[Any], Any]


class Returned(NamedTuple):
    """What a function returned, by the number of the image: ``tensors`` float32 (channels, h, w), or ``errors``.

    ``sizes``: the shapes that are not those of the network's input. ``notes``: how it was fed and what was converted.
    """

    tensors: Mapping[int, Values]
    errors: Mapping[int, str]
    sizes: tuple[tuple[int, ...], ...] = ()
    notes: tuple[str, ...] = ()


class WrongSize(ModelError):
    """A tensor of another size than that of the network's input."""

    def __init__(self, message: str, shape: tuple[int, ...]) -> None:
        super().__init__(message)
        self.shape = shape


def called(name: str, preprocess: str, folder: Path, images: Sequence[CheckImage], shape: tuple[int, ...]) -> Returned:
    """What ``python:package.module:function`` returns for each image; ``shape``: (channels, h, w) of the network.

    Raises ConfigError where it cannot be imported, and ModelError where it fails on the first image in every form or
    is random.
    """
    source, _, path = preprocess.partition(":")
    module, _, attribute = path.partition(":")
    key = f"[models.{name}.serving] preprocess"
    if source != "python" or not module or not attribute:
        raise ConfigError(f"{key}: '{preprocess}' is not of the form python:package.module:function; write that")
    with folder_imports.first_from(folder, module), TemporaryDirectory() as place, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a service goes on after a warning
        function = _imported(key, preprocess, module, attribute)
        form = _form(key, function, images[0], Path(place))
        return _run(key, function, form, images, shape, Path(place))


def _imported(key: str, preprocess: str, module: str, attribute: str) -> Function:
    try:
        loaded = import_module(module)
    except (Exception, SystemExit) as error:  # a module may raise anything while it is imported
        raise ConfigError(
            f"{key}: {preprocess} cannot be imported: {type(error).__name__}: {one_line(error)}"
        ) from error
    function = getattr(loaded, attribute, None)
    if not callable(function):
        hint = did_you_mean(attribute, [item for item in vars(loaded) if callable(getattr(loaded, item))])
        raise ConfigError(f"{key}: the module {module} has no function '{attribute}'{hint}")
    return function  # type: ignore[no-any-return]  # of a user


def _form(key: str, function: Function, image: CheckImage, place: Path) -> tuple[Form, str]:
    """The form that a function takes, and how that is known. Raises ModelError where it fails in every form."""
    if stated := _annotated(function):
        return stated, "as it is annotated"
    failed = []
    for form in get_args(Form):
        try:
            _array(function(_fed(form, image, place)))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a user's function may raise anything
            failed.append(f"{form}: {type(error).__name__}: {one_line(error)[:120]}")
        else:
            return form, "as it took that first of bytes, path, Pillow image and NumPy array"
    raise ModelError(f"{key}: it fails on a plain JPEG in every form ({'; '.join(failed)}); annotate what it takes")


def _annotated(function: Function) -> Form | None:
    """The form that the annotation of the first parameter names."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return None
    note = parameters[0].annotation if parameters else inspect.Parameter.empty
    if note is inspect.Parameter.empty:
        return None
    text = note if isinstance(note, str) else getattr(note, "__name__", str(note))
    return next((form for form, words in FORMS.items() if any(word in text for word in words)), None)


def _fed(form: Form, image: CheckImage, place: Path) -> Any:
    if form == "bytes":
        return image.data
    if form == "path":
        file = place / f"image{image.suffix}"
        file.write_bytes(image.data)
        return str(file)
    if form == "Pillow image":
        return Image.open(io.BytesIO(image.data))
    return np.asarray(decode.decode(image.data))


def _run(
    key: str,
    function: Function,
    form: tuple[Form, str],
    images: Sequence[CheckImage],
    shape: tuple[int, ...],
    place: Path,
) -> Returned:
    notes = [f"it is given {form[0]}, {form[1]}{_undecoded(form[0])}"]
    tensors, errors, sizes = dict[int, Values](), dict[int, str](), list[tuple[int, ...]]()
    for number, image in enumerate(images):
        try:
            tensors[number] = comparable(function(_fed(form[0], image, place)), shape, notes)
        except WrongSize as error:
            errors[number] = str(error)
            sizes.append(error.shape)
        except ModelError as error:
            errors[number] = one_line(error)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a user's function may raise anything
            errors[number] = f"{type(error).__name__}: {one_line(error)}"
    for number, tensor in list(tensors.items())[:1]:
        _check_repeats(key, partial(function, _fed(form[0], images[number], place)), tensor)
    return Returned(tensors, errors, tuple(dict.fromkeys(sizes)), tuple(dict.fromkeys(notes)))


def _check_repeats(key: str, call: Callable[[], Any], tensor: Values) -> None:
    """Raises ModelError where the same image does not become the same tensor a second time."""
    try:
        again = comparable(call(), tensor.shape, [])
    except (Exception, SystemExit) as error:
        raise ModelError(
            f"{key}: it fails where it is given the same image again: {type(error).__name__}: {one_line(error)}; "
            f"remove what it keeps between calls"
        ) from error
    if not np.array_equal(again, tensor):
        raise ModelError(f"{key}: it returns other values each time for the same image; remove what is random from it")


def _undecoded(form: Form) -> str:
    return "" if form in {"bytes", "path"} else ": how the service decodes files is not checked"


def comparable(value: Any, shape: tuple[int, ...], notes: list[str]) -> Values:
    """A returned value as float32 (channels, h, w) of this shape; ``notes`` takes each conversion.

    Raises WrongSize, and ModelError for what is not one image.
    """
    array = _array(value, notes)
    if array.ndim == 4:
        if len(array) != 1:
            raise ModelError(f"it returned a batch of {len(array)}, and one image was given")
        array = array[0]
        notes.append("its batch of one was taken apart")
    if array.ndim == 2 and shape[0] == 1:
        array = array[np.newaxis]
        notes.append("its array (h, w) was given a channel")
    if array.shape != shape and array.shape == (*shape[1:], shape[0]):
        array = array.transpose(2, 0, 1)
        notes.append(
            "its layout is (h, w, channels), NHWC; it was compared as (channels, h, w), which the network takes"
        )
    if array.shape != shape:
        raise WrongSize(f"it returned {array.shape}, and the network takes {shape}", array.shape)
    if array.dtype != np.float32:
        notes.append(f"its {array.dtype} was compared as float32")
    tensor = np.ascontiguousarray(array, np.float32)
    if not np.isfinite(tensor).all():
        raise ModelError("it returned values that are NaN or infinite")
    return tensor


def _array(value: Any, notes: list[str] | None = None) -> np.ndarray[Any, Any]:
    """The only array of a tensor, an array, a list, or a dictionary as transformers' processors return it."""
    if isinstance(value, Mapping):
        key = "pixel_values" if "pixel_values" in value else next(iter(value), None)
        if key is None or (len(value) > 1 and key != "pixel_values"):
            raise ModelError(f"it returned a dictionary with {len(value)} values: return the network's input only")
        if notes is not None:
            notes.append(f"of its dictionary, {key} was taken")
        value = value[key]
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        value = value.float() if value.dtype == torch.bfloat16 else value
    array = np.asarray(value)
    if array.dtype.kind not in "fiub" or array.ndim < 2:
        raise ModelError(f"it returned a {type(value).__name__}, which is not an array of an image")
    return array
