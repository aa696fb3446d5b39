"""`python -m server.api.openapi FILE`: write the description of the API for other programs, an OpenAPI document."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from server.api.app import create_api


def openapi_document() -> str:
    """The document as it stands in docs/openapi.json."""
    return json.dumps(create_api().openapi(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(openapi_document(), "utf-8")
