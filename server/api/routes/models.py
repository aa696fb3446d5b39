"""Routes for models and style LoRAs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from server.api.bodies import require_json
from server.api.dependencies import ServicesDependency
from server.api.server_schemas import AcceptedLicences, ModelBody, ModelList, StyleLoraBody, StyleLoraList
from server.api.services import Services
from server.models import ModelDescription

router = APIRouter(prefix="/v1", tags=["models"])


async def existing_model(name: str, services: ServicesDependency) -> ModelDescription:
    """The model in the path. Raises ApiError (404) when there is none."""
    return await services.models.get(name)


ExistingModel = Annotated[ModelDescription, Depends(existing_model)]


@router.get("/models")
async def list_models(services: ServicesDependency) -> ModelList:
    """The models on offer."""
    return ModelList(models=[await _body(services, model) for model in await services.models.all()])


@router.post("/models/{name}/accept-licences", dependencies=[Depends(require_json)])
async def accept_licences(model: ExistingModel, accepted: AcceptedLicences, services: ServicesDependency) -> ModelBody:
    """Put on record that a person has accepted the licences of a model."""
    await services.models.accept(model, accepted.licences)
    return await _body(services, model)


@router.post("/models/{name}/load", status_code=202)
async def load_model(model: ExistingModel, services: ServicesDependency) -> ModelBody:
    """Bring a model into memory, downloading what is missing."""
    await services.models.require_usable(model.name)
    services.scheduler.load(model.name)
    return await _body(services, model)


@router.post("/models/{name}/unload", status_code=202)
async def unload_model(model: ExistingModel, services: ServicesDependency) -> ModelBody:
    """Give back the memory of a model when the job that may use it is finished."""
    services.scheduler.unload(model.name)
    return await _body(services, model)


@router.get("/style-loras")
async def list_style_loras(services: ServicesDependency) -> StyleLoraList:
    """The style LoRAs that a request may name."""
    return StyleLoraList(style_loras=[StyleLoraBody(name=name) for name in services.style_loras.names()])


async def _body(services: Services, model: ModelDescription) -> ModelBody:
    return ModelBody.of(
        model,
        await services.models.state(model),
        loaded=any(engine.loaded_model == model.name for engine in services.engines),
        load_error=services.scheduler.load_error(model.name),
    )
