"""A trainer of a PyTorch model: `python torch_trainer.py URL OBJECTIVE`.

What speaks to the service is `work` of `plain_trainer.py` beside this file; here is the training.
"""

import hashlib
import os
import sys

import torch
from plain_trainer import work

torch.set_num_threads(1)


def data():
    """Noisy sums of waves, always the same: inputs and targets of three splits."""
    random = torch.Generator().manual_seed(0)
    x = torch.randn(1500, 6, generator=random)
    y = x.sin().sum(1, keepdim=True) + 0.1 * torch.randn(1500, 1, generator=random)
    parts = zip(x.chunk(3), y.chunk(3), strict=True)
    return dict(zip(("train", "validation", "test"), parts, strict=True))


DATA = data()
DATA_HASH = hashlib.sha256(b"".join(x.numpy().tobytes() for x, _ in DATA.values())).hexdigest()


def train(block, run, report):
    """One training, its learning rates set update by update."""
    torch.manual_seed(run["seed"])
    width = block["config"].get("width", 16)
    net = torch.nn.Sequential(torch.nn.Linear(6, width), torch.nn.Tanh(), torch.nn.Linear(width, 1))
    optimizer = torch.optim.Adam(net.parameters())
    x, y = DATA["train"]
    for step, lr in enumerate(run["schedule"]["table"]["values"][: block["updates"]], 1):
        for group in optimizer.param_groups:
            group["lr"] = lr
        batch = torch.randint(len(x), (32,))
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(net(x[batch]), y[batch])
        loss.backward()
        optimizer.step()
        if not loss.isfinite():
            return {"outcome": "diverged", "step": step, "lr": lr, "cause": "non_finite"}
        if step % 20 == 0 and not report(step, **score(net, "validation"), lr=lr):
            return {"outcome": "returned"}
    return {
        "outcome": "completed",
        "metrics": {split: score(net, split) for split in block["splits"]},
        "data_hash": DATA_HASH,
        "versions": {"torch": torch.__version__},
    }


@torch.no_grad()
def score(net, split):
    """The metrics that the study declares."""
    x, y = DATA[split]
    error = net(x) - y
    return {"mse": error.square().mean().item(), "mae": error.abs().mean().item()}


if __name__ == "__main__":
    work(*sys.argv[1:], key=os.environ.get("GLIDESLOPE_API_KEY", ""), train=train)
