"""What can be wrong with a file."""

from __future__ import annotations


class MediaError(Exception):
    """A clip that cannot be read or written; the message is a sentence that names the file or frame and what to do."""


class ExportCancelled(Exception):
    """The export was stopped because it was asked to; nothing of it is left."""
