"""The state of practice on the pricing network: Optuna's TPE and eager PyTorch, one process.

The one idea: two of these share one study. Each trial draws a schedule of the zoo, trains the
network of `heston_surface` with `torch.optim.Adam` from the same first weights on the same batches,
and is told the last validation error. Printed at the end, as JSON: when each trial ended.
Run by `search_service.py` as `search_peer.py STORAGE NAME TRIALS SEED PROCESS UPDATES`.
"""

import json
import sys
import time

import optuna
import torch
from figures import say
from objectives import CACHE
from search_space import ZOO
from study_peer import suggest

from tuning.objectives import OBJECTIVES, VALIDATION, configure
from tuning.objectives.batches import Permutations
from tuning.objectives.heston_surface import CALM
from tuning.objectives.pretrained import Scaling
from tuning.objectives.surface_training import BASIS_POINTS, Shuffled, Untrained
from tuning.search.space import FAMILY, lay_out, narrow, used

torch.set_num_threads(1)
OBJECTIVE = OBJECTIVES["heston_surface"]
SPACE = narrow(ZOO, OBJECTIVE.peak, {}, {})


class Trainer:
    """The data as tensors, and trainings on them."""

    def __init__(self, updates: int) -> None:
        problem = OBJECTIVE.open(configure(OBJECTIVE, {}), CACHE)
        scaling = Scaling.of(CALM, problem.train)
        scored = problem.scored[VALIDATION]
        arrays = (
            scaling.inputs(problem.train),
            scaling.targets(problem.train),
            scaling.inputs(scored),
            scored.volatilities,
            scaling.output_scale,
            scaling.output_centre,
        )
        self._tensors = [torch.from_numpy(one.astype("f4")) for one in arrays]
        config = problem.config
        self._order = Shuffled(Permutations(len(problem.train), config.batch))
        self._start = Untrained(config.widths, config.activation, scaling)
        self._updates = updates

    def network(self, seed: int) -> torch.nn.Sequential:
        """The network with its first weights."""
        layers: list[torch.nn.Module] = []
        for weights, bias in self._start.layers_of(seed):
            layer = torch.nn.Linear(*weights.shape)
            layer.weight.data = torch.from_numpy(weights.T.copy())
            layer.bias.data = torch.from_numpy(bias.copy())
            layers += [layer, torch.nn.ELU()]
        return torch.nn.Sequential(*layers[:-1])

    def train(self, rates: list[float], seed: int) -> float:
        """Train with those learning rates; the validation error in basis points."""
        inputs, targets, scored, volatilities, scale, centre = self._tensors
        model = self.network(seed)
        optimizer = torch.optim.Adam(model.parameters(), lr=1.0)
        rows = torch.from_numpy(self._order(seed, 0, len(rates)).astype("i8"))
        loss = torch.nn.MSELoss()
        for batch, lr in zip(rows, rates, strict=True):
            optimizer.param_groups[0]["lr"] = lr
            optimizer.zero_grad()
            loss(model(inputs[batch]), targets[batch]).backward()
            optimizer.step()
        with torch.no_grad():
            error = model(scored) * scale + centre - volatilities
            return BASIS_POINTS * float(error.square().mean().sqrt())


def main(storage: str, name: str, trials: int, seed: int, process: int, updates: int) -> None:
    """Optimise, and say when each trial ended."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.TPESampler(
        multivariate=True, group=True, constant_liar=True, seed=seed + process
    )
    study = optuna.create_study(
        storage=storage, study_name=name, sampler=sampler, load_if_exists=True
    )
    trainer = Trainer(updates)
    trainer.train([1e-3] * 2, 0)
    ended: list[tuple[float, float, dict[str, object]]] = []

    def objective(trial: optuna.Trial) -> float:
        params: dict[str, object] = {FAMILY: trial.suggest_categorical(FAMILY, SPACE.families)}
        for parameter in used(SPACE, str(params[FAMILY])):
            params[parameter.name] = suggest(trial, parameter)
        loss = trainer.train(lay_out(params, updates).table().tolist(), seed)  # type: ignore[arg-type]
        ended.append((time.perf_counter() - begin, loss, params))
        return loss

    say("ready")
    sys.stdin.readline()
    begin = time.perf_counter()
    study.optimize(objective, n_trials=trials)
    say(json.dumps(ended))


if __name__ == "__main__":
    _, storage, name, trials, seed, process, updates = sys.argv
    main(storage, name, int(trials), int(seed), int(process), int(updates))
