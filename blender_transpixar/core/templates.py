"""Sentences with gaps, recognised again once the gaps are filled: how a finished sentence is found in a translation."""

import re
from collections.abc import Iterable
from string import Formatter


class Templates:
    """Templates such as "There is no file {path}." and the sentences that they have become."""

    def __init__(self, templates: Iterable[str]) -> None:
        # What says more in its own words fits first: "{name} {reason}." would fit nearly everything.
        ordered = sorted((each for each in templates if "{" in each), key=_own_letters, reverse=True)
        self._patterns = [(template, _pattern(template)) for template in ordered]

    def match(self, sentence: str) -> tuple[str, dict[str, str]] | None:
        """The template that `sentence` was made from, with what fills its gaps; None when there is none."""
        for template, pattern in self._patterns:
            found = pattern.fullmatch(sentence)
            if found is not None:
                return template, found.groupdict()
        return None


def _own_letters(template: str) -> int:
    return sum(len(literal) for literal, *_ in Formatter().parse(template))


def _pattern(template: str) -> re.Pattern[str]:
    """The template as a pattern; every gap has a name, used once, and holds at least one character."""
    parts = (
        re.escape(literal) + (f"(?P<{name}>.+?)" if name is not None else "")
        for literal, name, _how, _conversion in Formatter().parse(template)
    )
    return re.compile("".join(parts), re.DOTALL)
