"""The state of practice: Optuna with its SQLite storage and PyTorch, step by step, one process.

The one idea: two of these share one study. Each trial draws a schedule from the space that
Glideslope searches, trains the benchmark's network with `torch.optim.Adam`, reports at the same
eight points and is told. Printed at the end, as JSON: seconds of the loop and the trials' values.
Run by `study.py` as `study_peer.py STORAGE NAME TRIALS SEED PROCESS`.
"""

import json
import sys
import time

import optuna
import torch
from figures import say
from small_mlp import DATA, HORIZON, MEASUREMENTS, ORDER, PEAK, WIDTHS

from tuning.execution.course import chunks
from tuning.objectives import VALIDATION
from tuning.objectives.networks import Mlp
from tuning.schedules import Parameter
from tuning.search.space import DEFAULT_FAMILIES, FAMILY, lay_out, narrow, used

torch.set_num_threads(1)
SPACE = narrow(DEFAULT_FAMILIES, PEAK, {}, {})
EVERY = [last for _, last in chunks(HORIZON, MEASUREMENTS)]


def network(seed: int) -> torch.nn.Sequential:
    """The benchmark's network with its initial weights."""
    layers: list[torch.nn.Module] = []
    for weights, bias in Mlp(WIDTHS, "relu").init(seed):
        layer = torch.nn.Linear(*weights.shape)
        layer.weight.data = torch.from_numpy(weights.T.copy())
        layer.bias.data = torch.from_numpy(bias.copy())
        layers += [layer, torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def train(rates: list[float], seed: int, report: object = None) -> float:
    """Train with those learning rates; the last validation loss."""
    model = network(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=1.0)
    inputs, targets = (torch.from_numpy(part) for part in DATA["train"])
    scored_inputs, scored = (torch.from_numpy(part) for part in DATA[VALIDATION])
    rows = torch.from_numpy(ORDER(seed, 0, HORIZON).astype("i8"))
    loss = torch.nn.MSELoss()
    value = float("nan")
    for step, lr in enumerate(rates, start=1):
        optimizer.param_groups[0]["lr"] = lr
        optimizer.zero_grad()
        batch = rows[step - 1]
        loss(model(inputs[batch]), targets[batch]).backward()
        optimizer.step()
        if step in EVERY:
            with torch.no_grad():
                value = float(loss(model(scored_inputs), scored))
            if report is not None:
                report(value, step)  # type: ignore[operator] # optuna's
    return value


def suggest(trial: optuna.Trial, parameter: Parameter) -> float | int | str:
    """A value of one coordinate, as a user of Optuna asks for it."""
    name, low, high = parameter.name, parameter.low, parameter.high
    if parameter.kind == "choice":
        return str(trial.suggest_categorical(name, parameter.choices))
    if parameter.kind == "int":
        return trial.suggest_int(name, int(low), int(high), log=parameter.log)
    return trial.suggest_float(name, low, high, log=parameter.log)


def objective(trial: optuna.Trial, seed: int) -> float:
    """One trial of the space."""
    params = {FAMILY: trial.suggest_categorical(FAMILY, SPACE.families)}
    for parameter in used(SPACE, str(params[FAMILY])):
        params[parameter.name] = suggest(trial, parameter)
    trial.set_user_attr("params", params)
    return train(lay_out(params, HORIZON).table().tolist(), seed, trial.report)


def main(storage: str, name: str, trials: int, seed: int, process: int) -> None:
    """Optimise, and say how long it took."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.TPESampler(
        multivariate=True, group=True, constant_liar=True, seed=seed + process
    )
    study = optuna.create_study(
        storage=storage, study_name=name, sampler=sampler, load_if_exists=True
    )
    train([1e-3] * 2, 0)  # warm, as the worker of the other side is
    say("ready")
    sys.stdin.readline()
    begin = time.perf_counter()
    study.optimize(lambda trial: objective(trial, seed), n_trials=trials)
    say(json.dumps({"seconds": time.perf_counter() - begin}))


if __name__ == "__main__":
    _, storage, name, trials, seed, process = sys.argv
    main(storage, name, int(trials), int(seed), int(process))
