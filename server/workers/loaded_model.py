"""A model in memory: found or downloaded, checked, loaded, and made ready clip by clip."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from server.environment import hub_secrets
from server.models import ModelDescription
from server.models.architecture import check_model
from server.models.files import FileIdentity, ModelFiles, NotDownloadedError, identity_of, locate
from server.models.hub import download
from server.models.known_words import KnownWords
from server.models.licences import Acceptances
from server.models.places import ModelPlaces
from server.transpixar import RGBA_ADAPTER, TransPixarPipeline
from server.transpixar.execution import Execution, text_encoder_loader
from server.transpixar.memory import ClipSize, ModelMemory
from server.transpixar.placement import is_out_of_memory
from server.transpixar.planner import PlannedRun, Planner
from server.transpixar.precision import compute_dtype
from server.transpixar.prompt_cache import PromptCache

log = logging.getLogger(__name__)

# What safetensors calls them. Weights of another type are converted while they are loaded.
_STORED = {torch.float32: "F32", torch.bfloat16: "BF16", torch.float16: "F16"}

Progress = Callable[[int, int], None]
ShouldStop = Callable[[], bool]
Styles = tuple[tuple[Path, float], ...]


class ModelNotLoaded(Exception):
    """A model's files are in order but cannot be loaded; the message says which."""


class LoadedModel:
    """One model's pipeline on one device.

    Attributes:
        folder: where its description lies.
        description: what it is.
        pipe: the pipeline.
        execution: the memory plan, kernels and preset that it is ready for.
        known_words: what it can be asked for; None for a model that takes any prompt.
    """

    def __init__(self, folder: Path, description: ModelDescription, files: ModelFiles, device: str) -> None:
        """Load the weights into main memory; `prepare` puts them where they belong.

        Raises:
            ModelFolderError, RGBAWeightsError: a file is damaged or does not fit, and which.
            ModelNotLoaded: loading failed all the same.
            MemoryError, torch.OutOfMemoryError: main memory is not enough.
        """
        began = time.monotonic()
        check_model(files)
        self.folder, self.description, self._files = folder, description, files
        self.known_words = KnownWords.of_model(description, files.base)
        self._dtype = compute_dtype(description.dtype, device)
        self._device = device
        self._prompts = PromptCache()
        self._styles: Styles = ()
        self._style_files: tuple[FileIdentity, ...] = ()
        self._load()
        self._memory = ModelMemory.from_folder(
            files.base,
            lora_rank=self.pipe.transformer.peft_config[RGBA_ADAPTER].r,
            text_length=description.max_sequence_length,
            dtype_bytes=self._dtype.itemsize,
        )
        log.info("model %s loaded in %.1f s", description.name, time.monotonic() - began)

    def planner(self, size: ClipSize, *, quality: Any, guided: bool) -> Planner:
        """The planner for clips of a size with the memory that there is now."""
        return Planner.of_device(
            self._device,
            self._memory,
            size,
            quality=quality,
            guided=guided,
            weights_are_copies=self.execution.weights_are_copies,
        )

    def use_styles(self, styles: Sequence[tuple[Path, float]]) -> None:
        """Make these the style LoRAs. Call `prepare` afterwards. Raises StyleLoraError."""
        # With the files as they are now: one that was trained again has other weights under the same name.
        files = tuple(identity_of(path) for path, _ in styles)
        if tuple(styles) == self._styles and files == self._style_files:
            return
        # Modules come and go in the blocks, which a memory plan may have taken apart.
        if self.execution.can_clear():
            self.execution.clear()
        else:
            self._load()
        self._styles = ()
        self.pipe.set_style_loras(styles)
        self._styles, self._style_files = tuple(styles), files

    def prepare(self, run: PlannedRun, quality: str, steps: int) -> None:
        """Get ready for a clip. Raises PlanNotPossible, torch.OutOfMemoryError."""
        if not self.execution.can_prepare(run.plan):
            styles, self._styles = self._styles, ()
            self._load()
            self.use_styles(styles)
        self.execution.prepare(run, quality, steps)

    def _load(self) -> None:
        # Before the new one comes: two would not fit.
        self.pipe: Any = None
        self.execution: Any = None
        try:
            self.pipe = TransPixarPipeline.from_pretrained(
                self._files.base,
                rgba_lora=self._files.rgba_lora,
                lora_alpha=self._files.lora_alpha,
                image_optional="text" in self.description.tasks,
                dtype=self._dtype,
                # The memory plan says whether it is needed beside the others, and where.
                text_encoder=None,
            )
        except Exception as error:
            if is_out_of_memory(error):
                raise
            raise ModelNotLoaded(f"The model '{self.description.name}' cannot be loaded") from error
        self.pipe.set_progress_bar_config(disable=True)
        self.execution = Execution(
            self.pipe,
            self._device,
            load_text_encoder=text_encoder_loader(self._files.base, self._dtype),
            model=str(self._files.base),
            prompts=self._prompts,
            mag_ratios=self.description.mag_ratios,
            loaded_as_copies=_stored_dtype(self._files.base / "transformer") != _STORED[self._dtype],
        )


def _stored_dtype(folder: Path) -> str | None:
    """The type of the weights in a folder, as safetensors calls it; None where there are none such."""
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, "pt") as file:
            return str(file.get_slice(next(iter(file.keys()))).get_dtype())
    return None


def find_files(
    description: ModelDescription, folder: Path, places: ModelPlaces, progress: Progress, should_stop: ShouldStop
) -> ModelFiles:
    """Find a model's files, downloading what is missing; `progress` gets the bytes that are there and all of them.

    Raises:
        ModelFolderError: a file that should be on this machine is not.
        LicenceError, DownloadError, DownloadCancelled: see `download`.
    """
    try:
        return locate(description, folder, places.hub)
    except NotDownloadedError:
        accepted = Acceptances.load(places.licences)
        with hub_secrets():
            download(description, places.hub, accepted, progress=progress, should_stop=should_stop)
        return locate(description, folder, places.hub)
