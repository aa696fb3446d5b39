"""One of several processes that train together; see test_recipe.py. Leaves FOLDER/rank_N.pt."""

import sys
from pathlib import Path

import torch

from server.training.mini import loop, ranks


def learn(folder: Path) -> None:
    """Average a known gradient, then train a layer for a third of a second; every process draws its own batches."""
    ranks.join()
    with ranks.first_alone():
        (folder / "made_by.txt").touch(exist_ok=ranks.rank() > 0)
    known = torch.nn.Parameter(torch.zeros(2, 3))
    known.grad = torch.full((2, 3), ranks.rank() + 1.0)
    ranks.average_gradients([known, torch.nn.Parameter(torch.zeros(1))])

    torch.manual_seed(0)
    module = torch.nn.Linear(4, 4)
    optimizers = loop.Optimizers([module.weight], [module.bias], 1e-3, 1e-3)
    drawn = []

    def loss_fn(generator: torch.Generator) -> tuple[torch.Tensor, dict[str, float]]:
        drawn.append(torch.randn(8, 4, generator=generator))
        return module(drawn[-1]).square().mean(), {}

    loop.train("stage", folder, module, optimizers, loss_fn, 0.005)
    result = {"gradient": known.grad, "weight": module.weight, "drawn": drawn[0], "steps": len(drawn)}
    torch.save(result, folder / f"rank_{ranks.rank()}.pt")


if __name__ == "__main__":
    learn(Path(sys.argv[1]))
