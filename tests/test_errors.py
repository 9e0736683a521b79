"""imgcls.errors: the tree in its docstring is the tree of its classes."""

import inspect
import pickle
import re

import pytest

from imgcls import errors
from imgcls.errors import ImgclsError


def _subclasses(kind: type[ImgclsError]) -> list[type[ImgclsError]]:
    return [other for child in kind.__subclasses__() for other in (child, *_subclasses(child))]


def test_the_docstring_draws_the_tree() -> None:
    """Every exception stands there below its base class, and each branch has its exit code."""
    drawn = re.findall(r"^    ([│ ]*)[├└]── (\w+) .*?(?:exit (\d))?$", inspect.getdoc(errors) or "", re.MULTILINE)
    branches = {name: (len(indent), code) for indent, name, code in drawn}
    ours = [kind for kind in _subclasses(ImgclsError) if kind.__module__ == errors.__name__]
    assert set(branches) == {kind.__name__ for kind in ours}
    for kind in ours:
        indent, code = branches[kind.__name__]
        assert indent == 4 * (len(kind.mro()) - len(ImgclsError.mro()) - 1)
        assert code == (str(kind.exit_code) if indent == 0 else "")


@pytest.mark.parametrize("kind", [ImgclsError, errors.StoreError, errors.RejectionWarning])
def test_a_message_is_the_lines_that_it_is_given(kind: type[Exception]) -> None:
    """What names and texts of others hold begins no line, and is seen; a message of a message is the same."""
    error = kind("photos/\x1b[31m\nPASS/\u202ea.jpg", "  above")
    assert str(error) == "photos/\\x1b[31m\\nPASS/\\u202ea.jpg\n  above"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301 - our own
    assert str(kind(str(kind("a\nb")))) == "a\\nb"
    assert str(kind()) == ""


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"), True),
        (RuntimeError("CUBLAS_STATUS_ALLOC_FAILED"), True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
    ],
)
def test_a_lack_of_memory_is_recognised(error: Exception, expected: bool) -> None:
    """By its type, or by the words of torch and of CUDA's libraries."""
    assert errors.ran_out_of_memory(error) is expected
