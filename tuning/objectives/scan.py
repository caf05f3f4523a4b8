"""Scan: the engine that trains small networks, many lanes, at the speed of compiled code.

The one idea: a compiled program makes up to `BUCKET` updates of up to `WIDTH` lanes without coming
back to Python; what is missing is padded. A lane has the same bits in any block.
Not here: the programs themselves (`tuning.objectives.compiled`), networks
(`tuning.objectives.networks`), the order of the data (`tuning.objectives.batches`). This leaf
imports JAX and is imported only to train.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
import numpy as np
import optax

from tuning.errors import InvalidValue
from tuning.objectives.base import Floats
from tuning.objectives.batches import Order
from tuning.objectives.compiled import (
    Layout,
    Loss,
    Measure,
    Params,
    Program,
    Rows,
    State,
    Trace,
    scorer,
    trainer,
)
from tuning.objectives.footprint import BUCKET, WIDTH

__all__ = ["ADAM", "Recipe", "Scan", "Split", "Trace"]

ADAM = optax.scale_by_adam()

ACCELERATOR_WIDTH = 32


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """What a network is scored on.

    Args:
        rows: pytree of arrays, handed to `measure` whole.
        measure: (params, rows) -> (metrics by name, each a scalar; the compared metric per block,
            of shape (blocks,)), in JAX. Equal functions share one compiled program.
    """

    rows: Rows
    measure: Measure

    def __post_init__(self) -> None:
        """Put the rows where they are needed."""
        object.__setattr__(self, "rows", _placed(self.rows))


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Recipe:
    """A network in training, described; what is float64 becomes float32.

    Args:
        init: seed -> pytree of arrays, the weights before the first update. It may ignore the
            seed and return stored weights.
        loss: (params, batch) -> scalar, in JAX; a batch is `rows` at the row numbers of an update.
        rows: training data, a pytree of arrays with one entry per row on the first axis.
        order: the row numbers that each update of a seed sees.
        splits: what `evaluate` scores, by name.
        rule: the optimiser without its learning rate: `params -= lr * direction`.
        trace: what is measured on the way, if anything.

    Programs are compiled per (loss, rule, trace) and shapes: pass equal or identical objects, not
    fresh closures, so that they are compiled once.
    """

    init: Callable[[int], Params]
    loss: Loss
    rows: Rows
    order: Order
    splits: Mapping[str, Split] = field(default_factory=dict)
    rule: optax.GradientTransformation = ADAM
    trace: Trace | None = None

    def __post_init__(self) -> None:
        """Put the rows where they are needed."""
        object.__setattr__(self, "rows", _placed(self.rows))


class Scan:
    """A `Trainer` and `Resumable`: one network in training per seed.

    Args:
        recipe: what is trained on what.
        seeds: one lane each, at least one.
        vectorized: whether lanes are an axis of arrays; by default on anything but a CPU. Bits are
            equal in any block, but differ a little between the two.
    """

    def __init__(
        self, recipe: Recipe, seeds: Sequence[int], vectorized: bool | None = None
    ) -> None:
        if vectorized is None:
            vectorized = jax.default_backend() != "cpu"
        self._recipe = recipe
        self._seeds = list(seeds)
        self._vectorized = vectorized
        self._width = ACCELERATOR_WIDTH if vectorized else WIDTH
        weights = {seed: recipe.init(seed) for seed in self._seeds}
        self._layout = Layout.of(weights[self._seeds[0]])
        self._train = trainer(
            Program(self._layout, recipe.loss, recipe.rule, recipe.trace, vectorized)
        )
        flats = np.stack([self._layout.join(weights[seed]) for seed in self._seeds])
        rule = jax.tree.map(
            lambda leaf: np.repeat(np.asarray(leaf)[None], len(flats), axis=0),
            recipe.rule.init(jnp.zeros(flats.shape[1])),
        )
        self._groups = self._grouped((flats, rule))
        self._done = 0
        self._latest = self._history = np.zeros((len(flats), 0, 0))
        self._scores: dict[str, tuple[dict[str, Floats], Floats]] = {}

    @property
    def done(self) -> int:
        """Updates made so far."""
        return self._done

    @property
    def latest(self) -> Floats:
        """The trace of the last `train`, of shape (lanes, marks, values)."""
        return self._latest

    @property
    def history(self) -> Floats:
        """The trace from the first update on, of shape (lanes, marks, values)."""
        return self._history

    def params(self) -> list[Params]:
        """The weights of every lane now, as pytrees of NumPy arrays."""
        flats = self._ungrouped()[0]
        return [self._layout.split(flat) for flat in flats]

    def train(self, lrs: Floats) -> None:
        """Make one update per column with the learning rates `lrs`, of shape (lanes, chunk)."""
        self._scores.clear()
        pieces = [
            self._advance(lrs[:, begin : begin + BUCKET])
            for begin in range(0, lrs.shape[1], BUCKET)
        ]
        if self._recipe.trace is not None and pieces:
            self._latest = np.concatenate(pieces, axis=1)
            before = self._history.reshape(len(self._seeds), -1, self._latest.shape[2])
            self._history = np.concatenate([before, self._latest], axis=1)

    def evaluate(self, split: str) -> Mapping[str, Floats]:
        """Metrics of the last iterate on `split`, each of shape (lanes,)."""
        return self._score(split)[0]

    def block_losses(self, split: str) -> Floats:
        """The compared metric per lane and block of `split`, of shape (lanes, blocks)."""
        return self._score(split)[1]

    def keep(self, lanes: Sequence[int]) -> None:
        """Drop every lane but these positions, given in rising order."""
        kept = list(lanes)
        state = self._ungrouped()
        self._seeds = [self._seeds[lane] for lane in kept]
        self._latest, self._history = self._latest[kept], self._history[kept]
        self._groups = self._grouped(jax.tree.map(lambda leaf: leaf[kept], state))
        self._scores.clear()

    def state(self) -> dict[str, np.ndarray]:
        """All that `restore` needs to go on with the same bits."""
        leaves = jax.tree.leaves(self._ungrouped())
        named = {f"leaf_{number}": leaf for number, leaf in enumerate(leaves)}
        done = np.array(self._done)
        return {**named, "done": done, "latest": self._latest, "history": self._history}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from what `state` returned, for the same recipe and seeds."""
        own, tree = jax.tree.flatten(self._groups[0])
        leaves = [state[f"leaf_{number}"] for number in range(len(own))]
        if len(leaves[0]) != len(self._seeds):
            raise InvalidValue("state", len(leaves[0]), f"a state of {len(self._seeds)} lanes")
        self._groups = self._grouped(jax.tree.unflatten(tree, leaves))
        self._done = int(state["done"])
        self._latest, self._history = state["latest"], state["history"]
        self._scores.clear()

    def _advance(self, lrs: Floats) -> Floats:
        """Make up to `BUCKET` updates of every lane; their trace."""
        lanes, count = lrs.shape
        first, last = self._done, self._done + count
        orders = {seed: self._recipe.order(seed, first, last) for seed in set(self._seeds)}
        batch = orders[self._seeds[0]].shape[1]
        traces = []
        for group, begin in enumerate(range(0, lanes, self._width)):
            seeds = self._seeds[begin : begin + self._width]
            rates = np.zeros((self._width, BUCKET), np.float32)
            rates[: len(seeds), :count] = lrs[begin : begin + self._width]
            indices = np.zeros((self._width, BUCKET, batch), np.int32)
            for place, seed in enumerate(seeds):
                indices[place, :count] = orders[seed]
            spans = np.array((first, count, len(seeds)), np.int32)
            self._groups[group], marks = self._train(
                self._groups[group], self._recipe.rows, rates, indices, spans
            )
            traces.append(marks)
        self._done = last
        if self._recipe.trace is None:
            return np.zeros((lanes, 0, 0))
        due = np.arange(first, last) % self._recipe.trace.every == 0
        return self._joined(traces)[:, :count][:, due].astype(np.float64)

    def _score(self, split: str) -> tuple[dict[str, Floats], Floats]:
        """Metrics and block losses of the last iterate, measured once."""
        if split not in self._scores:
            chosen = self._recipe.splits[split]
            score = scorer(self._layout, chosen.measure, self._vectorized)
            lanes = len(self._seeds)
            found = [
                score(flats, chosen.rows, np.int32(min(self._width, lanes - group * self._width)))
                for group, (flats, _) in enumerate(self._groups)
            ]
            metrics = {
                name: self._joined([named[name] for named, _ in found]).astype(np.float64)
                for name in found[0][0]
            }
            losses = self._joined([losses for _, losses in found]).astype(np.float64)
            self._scores[split] = metrics, losses
        return self._scores[split]

    def _grouped(self, state: State) -> list[State]:
        """A state whose first axis is lanes, as one state per call, the last one padded."""
        last = len(self._seeds) - 1
        return [
            _taken(state, [min(start + place, last) for place in range(self._width)])
            for start in range(0, last + 1, self._width)
        ]

    def _ungrouped(self) -> State:
        """The inverse of `_grouped`, in NumPy arrays of its own."""
        return jax.tree.map(lambda *leaves: self._joined(leaves), *self._groups)

    def _joined(self, leaves: Sequence[jax.Array]) -> np.ndarray:
        """What each call gave, as one array whose first axis is lanes."""
        return np.concatenate([np.asarray(leaf) for leaf in leaves])[: len(self._seeds)]


def _taken(state: State, lanes: list[int]) -> State:
    """These lanes of a state, in device arrays of their own, for they will be given away."""
    return jax.tree.map(lambda leaf: jnp.array(leaf[lanes], copy=True), state)


def _placed(rows: Rows) -> Rows:
    """`rows` on the device, every float64 array as float32."""
    narrow = {np.dtype(np.float64): np.dtype(np.float32)}
    return jax.device_put(
        jax.tree.map(lambda column: np.asarray(column, narrow.get(np.asarray(column).dtype)), rows)
    )
