"""Training itself: from a configuration to one safetensors file, in a run that can be stopped and goes on exactly."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from tqdm import tqdm

from server.files import write_file
from server.training.lora.bases import find_base, load_base, transformer_config
from server.training.lora.batches import make_batch
from server.training.lora.card import model_card
from server.training.lora.checkpoints import WEIGHTS_FILE, Checkpoints
from server.training.lora.config import TrainingConfig
from server.training.lora.data import TrainingData
from server.training.lora.devices import compute_dtype, make_accelerator, passes_of_each
from server.training.lora.errors import TrainingError
from server.training.lora.folder import CARD_FILE, CHECKPOINTS, CONFIG_FILE, own_folder, result_metadata
from server.training.lora.interruption import Interruption
from server.training.lora.learner import Learner
from server.training.lora.memory import TrainingMemory
from server.training.lora.objective import Objective
from server.training.lora.optimisation import check_8bit
from server.training.lora.records import Figures, Records
from server.training.lora.validation import Validation
from server.transpixar import GenerationCancelled
from server.transpixar.clip import Clip
from server.transpixar.placement import available_bytes, free_unused_memory, is_out_of_memory
from server.transpixar.weights import write_rgba_weights


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        iteration: number of updates that were made in all.
        weights: the result's file; None when the run was stopped before its end.
    """

    iteration: int
    weights: Path | None


class Trainer:
    """A run of training on this device, or on one of several.

    Attributes:
        config: the run's.
        accelerator: the devices.
        iteration: number of updates that were made.
        rgb: what the RGB half of the clips, and so of the result's, is: "straight" or "premultiplied".
    """

    def __init__(self, config: TrainingConfig, data_dir: Path, model_dirs: Sequence[Path] = ()) -> None:
        """Load base and data, check that all fits, and go on from the newest checkpoint where there is one.

        Args:
            config: the run's.
            data_dir: the server's data folder, to find the base in.
            model_dirs: further model folders.

        Raises:
            TrainingError: the run cannot start; the message says why and what to do.
            OSError: the run's folder cannot be written.
        """
        self.config = config
        if config.optimizer == "adamw8bit":
            check_8bit()
        self.accelerator = make_accelerator(config)
        world = self.accelerator.num_processes
        self._passes = passes_of_each(config, world)
        self._device = self.accelerator.device
        self._dtype = compute_dtype(config, self._device)

        # 1. Base and data
        self._base = find_base(config.base, data_dir, model_dirs)
        transformer = transformer_config(self._base)
        self._data = TrainingData(self._base, transformer, config)
        self.rgb = self._data.rgb
        if not self._data.is_encoded_by(self._base):
            self._say(
                f"The clips in {config.cache} were encoded by another file of an autoencoder than that of "
                f"{self._base.name}; where it is another model's, prepare them anew."
            )

        # 2. Does it fit?
        memory = TrainingMemory.of(transformer, config, self._data.sizes, dtype_bytes=self._dtype.itemsize, world=world)
        # Processes on a CPU share its memory.
        available = available_bytes(self._device) // (world if self._device.type == "cpu" else 1)
        self._say("\n".join(memory.sentences(available)))
        memory.check(available, config)

        # 3. What is learned
        self._pipe = load_base(self._base, self._dtype)
        self._alphas_cumprod = self._pipe.scheduler.alphas_cumprod.float()
        self._validation = None
        if self.is_main:
            self._validation = Validation.prepare(
                self._base,
                self._pipe,
                config,
                self._device,
                text_length=self._data.empty_text.shape[0],
                is_premultiplied=self.rgb == "premultiplied",
            )
        self._learner = Learner(self._pipe.transformer, config, self._device)
        free_unused_memory(self._device)
        self._objective = Objective(self._pipe, self.accelerator, config, self._dtype)

        # 4. Where it stopped
        self._interruption = Interruption()
        self._checkpoints = Checkpoints(config.out / CHECKPOINTS, config.keep_checkpoints)
        self.iteration = self._restore()
        self._saved = self.iteration

    @property
    def is_main(self) -> bool:
        """Say whether this process is the one that writes and speaks."""
        return self.accelerator.is_main_process

    def run(self) -> Outcome:
        """Train to the end, or until somebody asks to stop; a checkpoint is there then.

        Raises:
            TrainingError: it cannot go on; the checkpoints stay.
            OSError: something cannot be written; likewise.
        """
        try:
            if not self.is_main:
                return self._train(None)
            with own_folder(self.config) as folder, Records(folder, self.iteration) as records:
                return self._train(records)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            raise TrainingError(
                f"Memory has run out after update {self.iteration}. Close what else uses the device and give the same "
                "command again, or prepare smaller or shorter clips for a new run."
            ) from error
        finally:
            self.accelerator.end_training()

    # ---- the loop ----

    def _train(self, records: Records | None) -> Outcome:
        config = self.config
        bar = tqdm(
            total=config.iterations, initial=self.iteration, unit="update", file=sys.stderr, dynamic_ncols=True,
            disable=records is None, smoothing=0.05,
        )  # fmt: skip
        with bar, self._interruption.watched():
            while self.iteration < config.iterations:
                figures = self._update()
                if figures is None:
                    self._save()
                    break
                if records is not None:
                    records.add(figures)
                    bar.set_postfix_str(f"rgb {figures.rgb:.3f}, alpha {figures.alpha:.3f}", refresh=False)
                    bar.update()
                if self._is_due(config.checkpoint_every):
                    self._save()
                if self._is_due(config.validation_every):
                    self._validate(records)
        if self.iteration < config.iterations:
            self._say(f"Stopped after {self.iteration} updates; the same command goes on from there.")
            return Outcome(self.iteration, None)
        return Outcome(self.iteration, self._write_result())

    def _update(self) -> Figures | None:
        """Make one update of the weights; None when somebody has asked to stop, and all is as it was before it.

        At full size an update takes minutes, longer than a cluster waits.
        """
        accelerator, config = self.accelerator, self.config
        before = self._data.state_dict()
        halves = torch.zeros(2, device=self._device)
        passes = self._data.passes(self._passes, accelerator.process_index, accelerator.num_processes)
        for index, (first_slot, clips) in enumerate(passes):
            if self._interruption.is_asked(accelerator):
                self._data.load_state_dict(before)
                self._learner.forget()
                return None
            batch = make_batch(
                clips,
                self._data.empty_text,
                self._alphas_cumprod,
                config,
                iteration=self.iteration,
                first_slot=first_slot,
                is_image_to_video=self._pipe.is_image_to_video,
            )
            # Devices exchange gradients once an update, in its last pass.
            with accelerator.no_sync(self._objective.model) if index < self._passes - 1 else nullcontext():
                losses = self._objective.losses(batch, Clip(*clips[0].bucket))
                accelerator.backward(self._objective.weigh(losses) / self._passes)
            halves += losses.detach() / self._passes
        norm, rate = self._learner.step()
        self.iteration += 1
        halves = accelerator.reduce(halves, "mean")
        rgb, alpha = halves.tolist()
        return Figures(self.iteration, self._objective.weigh(halves).item(), rgb, alpha, rate, norm)

    def _is_due(self, every: int) -> bool:
        return self.iteration % every == 0 or self.iteration == self.config.iterations

    def _validate(self, records: Records | None) -> None:
        if records is not None and self._validation is not None:
            self._pipe.should_stop = self._interruption.is_asked_here
            try:
                clips = self._validation.make_clips(self._learner.adapter, self._device)
                records.add_clips(self.iteration, clips, self.config.validation_prompts)
            except GenerationCancelled:
                pass  # somebody waits for the end of the run
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                self._validation = None
                self._say("There is too little memory for validation clips, so no more are made; training goes on.")
            finally:
                self._pipe.should_stop = None
            free_unused_memory(self._device)
        self.accelerator.wait_for_everyone()

    # ---- what stays ----

    def _save(self) -> None:
        if self._saved == self.iteration:
            return
        self._saved = self.iteration
        if self.is_main:
            state = {
                "iteration": self.iteration,
                "config": self.config.model_dump(mode="json"),
                "learner": self._learner.state_dict(),
                "data": self._data.state_dict(),
            }
            self._checkpoints.save(self.iteration, state, self._learner.adapter.released_weights(), self._metadata())
        self.accelerator.wait_for_everyone()

    def _restore(self) -> int:
        """Go on from the newest checkpoint; return the number of updates that were made."""
        state = self._checkpoints.load_latest()
        if state is None:
            return 0
        changed = self.config.changed_since(state["config"])
        if changed:
            raise TrainingError(
                f"The run in {self.config.out} was started with another {', '.join(changed)}; go on with the settings "
                f"in its {CONFIG_FILE}, or give another --out for a new run."
            )
        self._learner.load_state_dict(state["learner"])
        self._data.load_state_dict(state["data"])
        self._say(f"Going on after update {state['iteration']}.")
        return int(state["iteration"])

    def _write_result(self) -> Path:
        path = self.config.out / WEIGHTS_FILE
        if self.is_main:
            metadata = self._metadata()
            write_rgba_weights(self._learner.adapter.released_weights(), path, metadata)
            card = model_card(metadata, base_repo=self._base.repo, base_licence=self._base.licence)
            if not (self.config.out / CARD_FILE).exists():  # people write in it
                write_file(self.config.out / CARD_FILE, card.encode())
        self.accelerator.wait_for_everyone()
        return path

    def _metadata(self) -> dict[str, str]:
        task = "image" if self._pipe.is_image_to_video else "text"
        return result_metadata(self.config, self._base, task=task, rgb=self.rgb, iteration=self.iteration)

    def _say(self, text: str) -> None:
        if self.is_main:
            print(text, file=sys.stderr)
