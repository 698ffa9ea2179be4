# SPDX-License-Identifier: Apache-2.0
"""The two ways a command can end badly, besides success."""


class Failure(Exception):
    """It could not be done: exit code 1. The text says what, where, and what was expected."""


class Usage(Exception):
    """It was asked for wrongly: exit code 2."""
