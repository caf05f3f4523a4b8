"""Compiled: the two programs of the engine, one that trains and one that scores.

The one idea: parameters are one vector, so that an update of the optimiser is one loop over memory
and a state is two or three arrays; and a program makes as many updates as its argument `count`
says, so one compilation serves every chunk, horizon and number of lanes.
Not here: lanes, seeds and splits (`tuning.objectives.scan`).
"""

import functools
import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.experimental.compilation_cache import compilation_cache
from numpy.typing import NDArray

from tuning.errors import InvalidValue

# Any: pytrees of arrays, whose shape is the objective's own affair.
Params: TypeAlias = Any
Rows: TypeAlias = Any
State: TypeAlias = Any  # parameters as a vector, and the optimiser's state beside them
Loss: TypeAlias = Callable[[Params, Rows], jax.Array]
Measure: TypeAlias = Callable[[Params, Rows], tuple[Mapping[str, jax.Array], jax.Array]]


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
    """All that a training program depends on but shapes; equal ones share one compilation.

    Args:
        layout: of the parameters.
        loss: (params, batch) -> scalar.
        rule: the optimiser without its learning rate.
        trace: what is measured on the way, if anything.
        width: lanes per call; 1 has no axis for lanes.
    """

    layout: Layout
    loss: Loss
    rule: optax.GradientTransformation
    trace: Trace | None
    width: int

    def _run(
        self,
        state: State,
        rows: Rows,
        lrs: jax.Array,
        indices: jax.Array,
        first: jax.Array,
        count: jax.Array,
    ) -> tuple[State, jax.Array]:
        """Make `count` updates of one lane, from number `first` on."""

        def update(number: jax.Array, carried: tuple[State, jax.Array]) -> tuple[State, jax.Array]:
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

        marks = jnp.zeros((len(lrs), self._values(state[0], rows)))
        trained: tuple[State, jax.Array] = jax.lax.fori_loop(0, count, update, (state, marks))
        return trained

    def _values(self, flat: jax.Array, rows: Rows) -> int:
        """How many values a mark of the trace has."""
        if self.trace is None:
            return 0
        example = jax.eval_shape(self.trace.measure, self.layout.split(flat), rows, jnp.int32(0))
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


@functools.partial(jax.jit, static_argnames="program", donate_argnames="state")
def train(
    state: State,
    rows: Rows,
    lrs: jax.Array,
    indices: jax.Array,
    first: jax.Array,
    count: jax.Array,
    *,
    program: Program,
) -> tuple[State, jax.Array]:
    """Make `count` updates, from number `first` on, of one lane or of `program.width` lanes.

    Args:
        state: parameters as a vector, and the optimiser's state; given away.
        rows: training data, shared by all lanes.
        lrs: learning rates, shape ([width,] bucket); those from `count` on are not read.
        indices: row numbers, shape ([width,] bucket, batch); likewise.
        first: number of the first update, from 0.
        count: updates to make, at most `bucket`.
        program: what to do.

    Returns:
        The state after the updates, and the trace, of shape ([width,] bucket, values).
    """
    run = program._run  # noqa: SLF001 - the other half of this function
    if program.width > 1:
        run = jax.vmap(run, in_axes=(0, None, 0, 0, None, None))
    return run(state, rows, lrs, indices, first, count)


@functools.partial(jax.jit, static_argnames=("layout", "measure", "width"))
def score(
    flat: jax.Array, rows: Rows, *, layout: Layout, measure: Measure, width: int
) -> tuple[Mapping[str, jax.Array], jax.Array]:
    """What `measure` says of one lane, or of `width` lanes."""

    def one(flat: jax.Array) -> tuple[Mapping[str, jax.Array], jax.Array]:
        return measure(layout.split(flat), rows)

    return (jax.vmap(one) if width > 1 else one)(flat)


def cache_programs(folder: Path) -> None:
    """Keep compiled programs in `folder`, for this process and for those that come after it."""
    read: Callable[[str], object] = jax.config.read
    update: Callable[[str, object], None] = jax.config.update
    if read("jax_compilation_cache_dir") == str(folder):
        return
    update("jax_compilation_cache_dir", str(folder))
    update("jax_persistent_cache_min_compile_time_secs", 0.0)
    update("jax_persistent_cache_min_entry_size_bytes", 0)
    compilation_cache.reset_cache()  # JAX looks for its folder once, at the first compilation
