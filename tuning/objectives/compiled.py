"""Compiled: the two programs of the engine, one that trains and one that scores.

The one idea: the sizes in a program are fixed, the counts are arguments: it trains `lanes` of its
`WIDTH` lanes for `count` of its `BUCKET` updates, so one compilation serves every chunk, horizon
and number of lanes. On a CPU the lanes are a loop around a program for one, so a lane's bits cannot
depend on its neighbours; on an accelerator they are an axis. Parameters are one vector, so that an
update of the optimiser is one loop over memory and a state is a few arrays.
Not here: lanes, seeds and splits (`tuning.objectives.scan`).
"""

import functools
import itertools
import math
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
import optax
from numpy.typing import NDArray

from tuning.errors import InvalidValue

# Any: pytrees of arrays, whose shape is the objective's own affair.
Params: TypeAlias = Any
Rows: TypeAlias = Any
State: TypeAlias = Any  # parameters as a vector, and the optimiser's state beside them
Loss: TypeAlias = Callable[[Params, Rows], jax.Array]
Scores: TypeAlias = tuple[Mapping[str, jax.Array], jax.Array]
Measure: TypeAlias = Callable[[Params, Rows], Scores]
Carried = TypeVar("Carried")  # both are pytrees of arrays
Given = TypeVar("Given")

KEPT = 64  # compiled programs


@dataclass(frozen=True, slots=True)
class Trace:
    """Something measured during training, before every update whose number divides by `every`.

    Args:
        every: updates between two marks, at least 1.
        measure: (params, rows, update) -> array of shape (values,), in JAX; `params` are those
            before the update, `rows` all the training rows, `update` counts from 0.
    """

    every: int
    measure: Callable[[Params, Rows, jax.Array], jax.Array]

    def __post_init__(self) -> None:
        """Refuse a cadence below 1."""
        if self.every < 1:
            raise InvalidValue("every", self.every, "an integer from 1")


@dataclass(frozen=True, slots=True)
class Layout:
    """How a pytree of parameters lies in one vector."""

    tree: jax.tree_util.PyTreeDef
    shapes: tuple[tuple[int, ...], ...]

    @staticmethod
    def of(params: Params) -> "Layout":
        """The layout of parameters like these."""
        leaves, tree = jax.tree.flatten(params)
        return Layout(tree, tuple(np.shape(leaf) for leaf in leaves))

    def join(self, params: Params) -> NDArray[np.float32]:
        """The parameters as one vector."""
        leaves = self.tree.flatten_up_to(params)
        return np.concatenate([np.ravel(np.asarray(leaf, np.float32)) for leaf in leaves])

    def split(self, flat: jax.Array) -> Params:
        """The inverse of `join`."""
        edges = itertools.accumulate((math.prod(shape) for shape in self.shapes), initial=0)
        parts = [
            flat[begin:end].reshape(shape)
            for (begin, end), shape in zip(itertools.pairwise(edges), self.shapes, strict=True)
        ]
        return self.tree.unflatten(parts)


@dataclass(frozen=True, slots=True)
class Program:
    """All that a training program depends on but shapes.

    Args:
        layout: of the parameters.
        loss: (params, batch) -> scalar.
        rule: the optimiser without its learning rate.
        trace: what is measured on the way, if anything.
        vectorized: whether lanes are an axis of arrays, or follow each other.
    """

    layout: Layout
    loss: Loss
    rule: optax.GradientTransformation
    trace: Trace | None
    vectorized: bool

    def run(
        self,
        states: State,
        rows: Rows,
        lrs: jax.Array,
        indices: jax.Array,
        spans: jax.Array,
    ) -> tuple[State, jax.Array]:
        """Make updates of several lanes.

        Args:
            states: parameters as vectors, and the optimiser's states beside them.
            rows: training data, shared by all lanes.
            lrs: learning rates, shape (WIDTH, BUCKET).
            indices: row numbers, shape (WIDTH, BUCKET, batch).
            spans: number of the first update, updates to make, lanes to train; the rest of
                `lrs`, `indices` and `states` is padding.

        Returns:
            The states after the updates, and the trace, of shape (WIDTH, BUCKET, values).
        """
        first, count, lanes = spans

        def one(
            carried: tuple[State, jax.Array], given: tuple[jax.Array, jax.Array]
        ) -> tuple[State, jax.Array]:
            update = functools.partial(self._update, rows, *given, first)
            trained: tuple[State, jax.Array] = jax.lax.fori_loop(0, count, update, carried)
            return trained

        marks = jnp.zeros((*lrs.shape, self._values(states[0][0], rows)))
        return _each(one, (states, marks), (lrs, indices), lanes, self.vectorized)

    def _update(
        self,
        rows: Rows,
        lrs: jax.Array,
        indices: jax.Array,
        first: jax.Array,
        number: jax.Array,
        carried: tuple[State, jax.Array],
    ) -> tuple[State, jax.Array]:
        """Make one update of one lane."""
        (flat, rule), marks = carried
        marks = self._mark(marks, number, flat, rows, first + number)
        batch = jax.tree.map(
            # Not checked against the bounds: an order knows how many rows there are.
            lambda column: column.at[indices[number]].get(mode="promise_in_bounds"),
            rows,
        )
        # With respect to the leaves: one through `split` is a sum of padded vectors, slow.
        parts = jax.tree.leaves(jax.grad(self.loss)(self.layout.split(flat), batch))
        gradient = jnp.concatenate([part.ravel() for part in parts])
        direction, rule = self.rule.update(gradient, rule, flat)
        lr = lrs[number]
        # An overflowing direction times a learning rate of 0 must not move anything either.
        moved = jnp.where(lr == 0, flat, flat - lr * direction)
        return (moved, rule), marks

    def _values(self, flat: jax.Array, rows: Rows) -> int:
        """How many values a mark of the trace has."""
        if self.trace is None:
            return 0
        example = _shapes(self.trace.measure, self.layout.split(flat), rows, jnp.int32(0))
        return math.prod(example.shape)

    def _mark(
        self, marks: jax.Array, number: jax.Array, flat: jax.Array, rows: Rows, update: jax.Array
    ) -> jax.Array:
        """`marks` with what the trace measures before `update`, if it is due."""
        if self.trace is None:
            return marks
        measure = self.trace.measure
        values = jax.lax.cond(
            update % self.trace.every == 0,
            lambda: measure(self.layout.split(flat), rows, update).reshape(marks.shape[1]),
            lambda: jnp.zeros(marks.shape[1]),
        )
        return marks.at[number].set(values)


@functools.lru_cache(KEPT)
def trainer(program: Program) -> Callable[..., tuple[State, jax.Array]]:
    """`program.run`, compiled at its first call; the states it is called with are given away."""
    return jax.jit(program.run, donate_argnums=0)


@functools.lru_cache(KEPT)
def scorer(layout: Layout, measure: Measure, vectorized: bool) -> Callable[..., Scores]:
    """(vectors of several lanes, rows, lanes) -> what `measure` says of them, compiled."""

    def ordered(params: Params, rows: Rows) -> Scores:
        metrics, losses = measure(params, rows)
        return OrderedDict(metrics), losses  # JAX sorts the names of a plain dict

    def run(flats: jax.Array, rows: Rows, lanes: jax.Array) -> Scores:
        def one(_: Scores, flat: jax.Array) -> Scores:
            return ordered(layout.split(flat), rows)

        shapes = _shapes(ordered, layout.split(flats[0]), rows)
        blank: Scores = jax.tree.map(
            lambda leaf: jnp.zeros((len(flats), *leaf.shape), leaf.dtype), shapes
        )
        return _each(one, blank, flats, lanes, vectorized)

    return jax.jit(run)


def _shapes(function: Callable[..., Any], *arguments: Any) -> Any:  # noqa: ANN401 - pytrees
    """The shapes of what `function` returns, which need not be weakly referable as JAX asks."""
    return jax.eval_shape(functools.partial(function), *arguments)


def _each(
    one: Callable[[Carried, Given], Carried],
    carried: Carried,
    given: Given,
    lanes: jax.Array,
    vectorized: bool,
) -> Carried:
    """`carried` with `one(lane of carried, lane of given)` in place of the first `lanes` lanes."""
    result: Carried
    if vectorized:
        result = jax.vmap(one)(carried, given)
        return result

    def step(lane: jax.Array, carried: Carried) -> Carried:
        mine, own = jax.tree.map(lambda leaf: leaf[lane], (carried, given))
        changed: Carried = jax.tree.map(
            lambda leaf, new: leaf.at[lane].set(new), carried, one(mine, own)
        )
        return changed

    result = jax.lax.fori_loop(0, lanes, step, carried)
    return result
