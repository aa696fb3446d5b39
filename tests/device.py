"""The device that model tests compute on: TRANSPIXAR_TEST_DEVICE, the CPU by default.

Models come from fixtures and helpers, which put them there; inputs that a test makes itself take `device=DEVICE`. Files
whose tests compute there have `pytestmark = pytest.mark.device`; `nox -s gpu` runs those.
"""

import os

import torch

DEVICE = torch.device(os.environ.get("TRANSPIXAR_TEST_DEVICE", "cpu"))

# Convolutions round to 10 bits of mantissa by default, which is more than what the tests allow.
torch.backends.cudnn.allow_tf32 = False
