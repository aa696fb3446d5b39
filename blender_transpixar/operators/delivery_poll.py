"""What finishing and exporting have in common."""

from typing import Any

import bpy

from .. import preferences
from ..bl import pump
from ..bl.wording import in_words
from ..core.errors import TransPixarError


def may_deliver(operator: Any, context: bpy.types.Context) -> bool:
    """The poll of both: refused while one of them is at work, or when the server's address may not be used."""
    if pump.is_delivering():
        operator.poll_message_set("A clip is being finished or exported. Wait for it or cancel it")
        return False
    try:
        preferences.server_url(context)
    except TransPixarError as error:
        operator.poll_message_set(in_words(error.message).rstrip("."))
        return False
    return True
