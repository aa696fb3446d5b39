"""What child processes get to know of this one's environment: no tokens or passwords where they are not needed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager

# Names such as HF_TOKEN, TRANSPIXAR_TOKEN, AWS_SECRET_ACCESS_KEY and GITHUB_PAT, and not TOKENIZERS_PARALLELISM.
_SECRET = re.compile(
    r"(^|_)(TOKEN|SECRET|PASSWORD|PASSWD|PASS|PASSPHRASE|PAT|CREDENTIALS?|AUTH|(API|ACCESS|PRIVATE|AUTH)_?KEY)(_|$)",
    re.IGNORECASE,
)
# What huggingface_hub shows to the hub.
HUB_SECRETS = frozenset({"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"})

_hidden: dict[str, str] = {}


def is_secret(name: str) -> bool:
    """Whether a variable of this name holds what only its owner may know."""
    return _SECRET.search(name) is not None


def without_secrets(environment: Mapping[str, str] = os.environ, keep: frozenset[str] = frozenset()) -> dict[str, str]:
    """An environment without its secrets but those in `keep`: for programs that read files of strangers."""
    return {name: value for name, value in environment.items() if name in keep or not is_secret(name)}


def hide_secrets(environment: MutableMapping[str, str] = os.environ) -> None:
    """Take the secrets out of this process's environment, so that what it starts does not inherit them."""
    for name in [name for name in environment if is_secret(name)]:
        _hidden[name] = environment.pop(name)


@contextmanager
def hub_secrets(environment: MutableMapping[str, str] = os.environ) -> Iterator[None]:
    """Have the hub's token in the environment again while something is downloaded."""
    given = {name: value for name, value in _hidden.items() if name in HUB_SECRETS and name not in environment}
    environment.update(given)
    try:
        yield
    finally:
        for name in given:
            environment.pop(name, None)
