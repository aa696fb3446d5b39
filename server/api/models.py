"""The models as callers see them: described, and in which state they are."""

from __future__ import annotations

import asyncio
import logging

from server.api.errors import ApiError
from server.jobs.folders import DataFolders
from server.models import ModelDescription, ModelRegistry
from server.models.files import ModelState, ModelStatus, model_state
from server.models.licences import Acceptances, LicenceError

log = logging.getLogger(__name__)


class ModelStates:
    """Knows which models there are and whether they can be used.

    The states are read anew from disk each time, and the descriptions when one has changed: `models add` and
    `models remove` are other programs.
    """

    def __init__(self, registry: ModelRegistry, folders: DataFolders, acceptances: Acceptances) -> None:
        self.registry = registry
        self._folders = folders
        self._acceptances = acceptances

    async def all(self) -> list[ModelDescription]:
        """The models on offer now."""
        await asyncio.to_thread(self._refresh)
        return list(self.registry)

    async def get(self, name: str) -> ModelDescription:
        """The model in a path. Raises ApiError (404) when there is none."""
        await asyncio.to_thread(self._refresh)
        model = self.registry.get(name)
        if model is None:
            names = ", ".join(self.registry.names)
            raise ApiError(404, "not_found", f"There is no such model on this server; there are {names}.")
        return model

    async def state(self, model: ModelDescription) -> ModelState:
        """The state of a model."""
        return await asyncio.to_thread(self._state, model)

    async def require_usable(self, name: str | None) -> None:
        """Raise ApiError (409) unless a job can be given to the model `name`; files may have to be downloaded first.

        None is the default model.
        """
        await asyncio.to_thread(self._refresh)
        model = self.registry.get(self.registry.default if name is None else name)
        if model is None:
            return
        state = await self.state(model)
        if state.state is ModelStatus.LICENCE_NOT_ACCEPTED:
            try:
                self._acceptances.require(model)
            except LicenceError as error:
                raise ApiError(409, "licence_not_accepted", str(error), "model") from None
        if state.state is ModelStatus.UNUSABLE:
            raise ApiError(409, "model_unusable", state.problem or "The model cannot be used.", "model")

    async def accept(self, model: ModelDescription, ids: list[str]) -> None:
        """Put the acceptance of licences on record. Raises ApiError when they are not all that the model lists."""
        try:
            await asyncio.to_thread(self._acceptances.accept, model, ids)
        except LicenceError as error:
            raise ApiError(422, "invalid_field", str(error), "licences") from None

    def any_usable(self) -> bool:
        """Whether there is a model that can be used, or could be after a download."""
        self._refresh()
        return any(self._state(model).state is not ModelStatus.UNUSABLE for model in self.registry)

    def installed_problem(self) -> str | None:
        """What is wrong when no model that lies on this machine can be used, a sentence; else None."""
        states = [self._state(model) for model in self.registry if not _is_remote(model)]
        problems = [state.problem for state in states if state.state is ModelStatus.UNUSABLE]
        return problems[0] if problems and len(problems) == len(states) else None

    def _refresh(self) -> None:
        for problem in self.registry.refresh():
            log.warning("a model is left out: %s", problem)

    def _state(self, model: ModelDescription) -> ModelState:
        return model_state(model, self.registry.folder(model.name), self._folders.hub, self._acceptances)


def _is_remote(model: ModelDescription) -> bool:
    """Whether the model's files are, or were, on the hub."""
    return model.rgba_lora.repo is not None or (model.base is not None and model.base.repo is not None)
