"""The other side of the engine's benchmark: PyTorch, update by update, one lane after the other.

Started by `engine.py` as `engine_peer.py CORE`; a line in, a line out, both JSON.
"""

import json
import sys
import time

import numpy as np
import torch
from engine_cases import CASES, LR, ROWS, Case, data

from tuning.execution.pinning import pin
from tuning.objectives.batches import Permutations
from tuning.objectives.networks import Mlp

ACTIVATIONS = {"relu": torch.nn.ReLU, "elu": torch.nn.ELU}


def network(case: Case, seed: int) -> torch.nn.Sequential:
    """A network with the weights that the engine starts from."""
    layers: list[torch.nn.Module] = []
    for weights, bias in Mlp(case.widths, case.activation).init(seed):
        layer = torch.nn.Linear(*weights.shape)
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(weights.T.copy()))
            layer.bias.copy_(torch.from_numpy(bias))
        layers += [layer, ACTIVATIONS[case.activation]()]
    return torch.nn.Sequential(*layers[:-1])


def train(case: Case, lanes: int, updates: int) -> tuple[float, float, list[float]]:
    """Seconds and CPU seconds of training lanes with seeds 0, 1, ...; the first lane's weights."""
    inputs, targets = (torch.from_numpy(column) for column in data(case))
    order = Permutations(ROWS, case.batch)
    models = [network(case, seed) for seed in range(lanes)]
    loss = torch.nn.MSELoss()
    begin, used = time.perf_counter(), time.process_time()
    for seed, model in enumerate(models):
        optimizer = torch.optim.Adam(model.parameters())
        batches = torch.from_numpy(order(seed, 0, updates).astype(np.int64))
        for rows in batches:
            optimizer.param_groups[0]["lr"] = LR
            optimizer.zero_grad()
            loss(model(inputs[rows]), targets[rows]).backward()
            optimizer.step()
    seconds, used = time.perf_counter() - begin, time.process_time() - used
    parts = [part.detach().numpy().T.ravel() for part in models[0].parameters()]
    return seconds, used, np.concatenate(parts).tolist()


def main() -> None:
    """Answer until there are no more lines."""
    pin(int(sys.argv[1]))
    torch.set_num_threads(1)
    for line in sys.stdin:
        asked = json.loads(line)
        answer = train(CASES[asked["case"]], asked["lanes"], asked["updates"])
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
