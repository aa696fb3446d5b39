"""What all steps have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod

from pydantic import BaseModel, ConfigDict

from server.media.stream import ClipStream


class StepSettings(BaseModel, ABC):
    """A step with its settings: call it with a clip, and it gives the clip after the step.

    As JSON it is an object with the step's name, `step`, and its settings. Settings that are not possible raise
    pydantic.ValidationError.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @abstractmethod
    def __call__(self, stream: ClipStream) -> ClipStream:
        """The clip after this step. Raises MediaError when the step is not possible with it."""
