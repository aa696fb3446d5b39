"""What the operators of the queue have in common: the wish that they are about."""

from typing import TYPE_CHECKING

from bpy.props import StringProperty

from ..bl import clip_queue
from ..core.errors import TransPixarError
from ..core.wish import Wish

_KEY = StringProperty(
    name="Key",
    description="Which wish in the queue is meant; empty means the newest",
    options={"SKIP_SAVE", "HIDDEN"},
)


class OfWish:
    """Operators whose `key` names a wish of the queue."""

    if TYPE_CHECKING:
        key: str
    else:
        key: _KEY

    def wish(self) -> Wish:
        """The wish. Raises TransPixarError when there is none."""
        clip_queue.read_now()
        found = clip_queue.find(self.key) if self.key else next(iter(clip_queue.wishes()), None)
        if found is None:
            raise TransPixarError("This clip is not in the list any more. Generate it again.", code="not_found")
        return found

    def settled_wish(self) -> Wish:
        """The wish, which nobody works on. Raises TransPixarError when somebody does."""
        found = self.wish()
        if not found.is_settled:
            raise TransPixarError("This clip is still being made. Wait for it, or cancel it first.", code="at_work")
        return found
