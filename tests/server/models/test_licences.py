"""Licences are accepted once, on record, and only as they read now."""

import json

import pytest

from server import __version__
from server.models.licences import Acceptances, LicenceError, licence_hash


def test_an_acceptance_is_kept(remote, places) -> None:
    Acceptances.load(places.licences).accept(remote, ["tiny-base"])
    acceptances = Acceptances.load(places.licences)
    assert acceptances.has_all(remote)
    (record,) = json.loads(places.licences.read_text("utf-8"))["accepted"]
    assert record["id"] == "tiny-base"
    assert record["url"] == "https://example.org/licence"
    assert record["text_sha256"] == licence_hash(remote.licences[0])
    assert record["program_version"] == __version__
    assert record["accepted_at"].endswith("Z")


def test_accepting_again_changes_nothing(remote, accepted, places) -> None:
    before = places.licences.read_bytes()
    Acceptances.load(places.licences).accept(remote, ["tiny-base"])
    assert places.licences.read_bytes() == before


def test_an_acceptance_by_another_process_is_seen(remote, places) -> None:
    server = Acceptances.load(places.licences)
    assert not server.has_all(remote)
    Acceptances.load(places.licences).accept(remote, ["tiny-base"])
    assert server.has_all(remote)


def test_a_changed_notice_has_to_be_accepted_again(remote, accepted) -> None:
    changed = remote.licences[0].model_copy(update={"notice": "Now for a fee."})
    assert not accepted.has_all(remote.model_copy(update={"licences": (changed,)}))


def test_all_licences_of_a_model_are_accepted_together(remote, places) -> None:
    more = remote.licences[0].model_copy(update={"id": "tiny-lora", "part": "rgba_lora"})
    both = remote.model_copy(update={"licences": (*remote.licences, more)})
    acceptances = Acceptances.load(places.licences)
    with pytest.raises(LicenceError, match="also needs 'tiny-lora'"):
        acceptances.accept(both, ["tiny-base"])
    with pytest.raises(LicenceError, match="has no licence 'other'"):
        acceptances.accept(both, ["tiny-base", "tiny-lora", "other"])
    assert not places.licences.exists()
    acceptances.accept(both, ["tiny-lora", "tiny-base"])
    assert acceptances.has_all(both)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"accepted": [{}]}', b"\xff", b"[" * 100_000])
def test_a_record_that_cannot_be_read_counts_as_none_and_is_kept(remote, places, content: bytes) -> None:
    places.licences.write_bytes(content)
    acceptances = Acceptances.load(places.licences)
    assert not acceptances.has_all(remote)
    acceptances.accept(remote, ["tiny-base"])
    assert Acceptances.load(places.licences).has_all(remote)
    assert places.licences.with_name("licences.json.unreadable").read_bytes() == content
