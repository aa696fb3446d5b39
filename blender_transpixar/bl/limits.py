"""What the chosen model takes, before anything is sent."""

from typing import Any

import bpy

from ..core.errors import InvalidRequestError
from ..core.fitting import Problem, problems
from ..properties import asked_of
from .known_models import model_named


def problems_of(values: Any) -> list[Problem]:
    """What the model would refuse of RequestProperties; nothing while the model is not known."""
    model = model_named(values.model)
    return [] if model is None else problems(asked_of(values), model)


def sentence_of(problem: Problem) -> str:
    """The problem's sentence in the artist's language."""
    return bpy.app.translations.pgettext_rpt(problem.template).format(**problem.values)


def check_values(values: Any) -> None:
    """Raise InvalidRequestError for the first thing that the model would refuse."""
    for problem in problems_of(values):
        raise InvalidRequestError(sentence_of(problem), field=problem.field)
