"""The ready-made tests, on this repository's own configuration."""

from imgcls.suite import *  # noqa: F403 - what a user writes into a test file
