"""What can be wrong with training data as a whole; what is wrong with one clip is a `Problem` of the report."""

from __future__ import annotations


class DataError(Exception):
    """Data that cannot be trained on; the message is a sentence that says what to do."""
