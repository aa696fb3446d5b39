"""One line of the queue: an entry of the history, and the generation that fulfils it at the moment, if any."""

from dataclasses import dataclass
from pathlib import Path

from .generation import Generation, Outcome, Preview
from .history_entry import Entry, EntryState, KeptClip


@dataclass(frozen=True, slots=True)
class Placed:
    """A clip in a scene: the name of the object, strip or node, and the scene's first and last frame that show it.

    `last` is None where it runs on and on. `object_uid` is the session uid of an object, None for others.
    """

    name: str
    first: int
    last: int | None
    object_uid: int | None


@dataclass(slots=True)
class Wish:
    """`elsewhere`: another Blender follows it. `note` is a sentence on why a clip was not placed.

    `placed` is what was placed last of it, in this session.
    """

    entry: Entry
    generation: Generation | None = None
    elsewhere: bool = False
    note: str = ""
    restarts: int = 0
    placed: Placed | None = None

    @property
    def key(self) -> str:
        """The Idempotency-Key."""
        return self.entry.key

    @property
    def at_work(self) -> bool:
        """Whether this Blender has it made just now."""
        return self.generation is not None and not self.generation.finished

    @property
    def is_settled(self) -> bool:
        """Whether nothing will happen to it by itself."""
        return not self.at_work and not self.elsewhere

    @property
    def state(self) -> EntryState:
        """How it stands: the entry is read again only when its generation has ended."""
        return self.entry.state

    @property
    def phase(self) -> str:
        """What is happening or has happened, in a few words."""
        if self.generation is not None and self.at_work:
            return self.generation.phase
        if self.elsewhere:
            return "In another Blender"
        if self.state is EntryState.DELIVERED:
            return "Not placed yet" if self.entry.unplaced == self.entry.clips else "Done"
        return {EntryState.OPEN: "Interrupted", EntryState.FAILED: "Failed"}.get(self.state, "Cancelled")

    @property
    def problem(self) -> str:
        """The sentence on what went wrong or is in the way; empty when nothing is."""
        if self.generation is not None and self.at_work:
            return self.generation.waiting_for
        if self.elsewhere or self.state is EntryState.CANCELLED:
            return ""
        if self.generation is not None and self.generation.outcome is Outcome.FAILED and self.generation.error:
            return self.generation.error.message
        return str((self.entry.error or {}).get("message") or self.note)

    @property
    def warnings(self) -> tuple[str, ...]:
        """The server's sentences about what the clips may lack."""
        return (self.generation.warnings if self.generation else ()) or self.entry.warnings

    @property
    def clips(self) -> tuple[KeptClip, ...]:
        """The clips on the disk, in order."""
        if self.generation is None or not self.at_work:
            return self.entry.clips
        known = {clip.index: clip for clip in self.entry.clips}
        arrived = sorted(self.generation.folders.items())
        return tuple(known.get(index) or KeptClip(index, str(folder)) for index, folder in arrived)

    def preview(self, picture: Path) -> Preview | None:
        """The newest preview; `picture` is where the history keeps it."""
        if self.generation is not None and self.generation.preview is not None:
            return self.generation.preview
        return None if self.entry.preview is None else Preview(picture, *self.entry.preview, step=-1)
