"""The description of the API is true, and nothing that fits it, or does not, makes the server fail."""

import itertools
from pathlib import Path

import schemathesis
from hypothesis import HealthCheck, Phase, settings

from server.api.openapi import openapi_document
from server.client import Client

DOCUMENT = Path(__file__).parents[3] / "docs/openapi.json"


def test_the_document_is_up_to_date() -> None:
    hint = "write it anew with `python -m server.api.openapi docs/openapi.json`"
    assert DOCUMENT.read_text("utf-8") == openapi_document(), hint


_turns = itertools.count()
schema = schemathesis.openapi.from_path(DOCUMENT)


@schema.parametrize()
@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_no_call_makes_the_server_fail(case: schemathesis.Case, fake: Client) -> None:
    if case.method == "POST" and isinstance(case.body, dict) and isinstance(case.body.get("steps"), int):
        # Whatever is accepted has to be made, too.
        case.body["steps"] = min(case.body["steps"], 2)
    # An export takes most of a second.
    if "job_id" in case.path_parameters and next(_turns) % (8 if case.path.endswith("/content") else 2) == 1:
        # A made-up id leads no further than to a 404.
        case.path_parameters["job_id"] = fake.wait(fake.create("fire", steps=1)["id"])["id"]
    answer = case.call(base_url=fake.url, timeout=30)
    # The whole contract for errors; `readyz` may say that the disk is full.
    assert answer.status_code < 500 or answer.status_code == 503
    if answer.status_code >= 400:
        assert list(answer.json()) == ["error"]
        assert list(answer.json()["error"]) == ["code", "message", "field"]
