"""Methods: what turns the description of a call into a method of both clients.

The one idea: a resource is a class over its driver; the same line `def pause(self, study)` is a
plain method of a `Studies[SyncDriver]` and a coroutine of a `Studies[AsyncDriver]`, with the same
signature, which type checkers and editors see.
Not here: the resources (one file each).
"""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import update_wrapper
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, Self, TypeVar, final, overload

from service.client.calls import Call
from service.client.drivers import AsyncDriver, Driver, SyncDriver
from service.client.flows import Flow, Telling, perform

P = ParamSpec("P")
T = TypeVar("T")
D_co = TypeVar("D_co", covariant=True)


class Resource(Protocol[D_co]):
    """Calls about one thing, over the driver that performs them."""

    @property
    def driver(self) -> D_co:
        """Who performs the calls."""


@final
class Method(Generic[P, T]):
    """A method that answers once: blocking, or a coroutine."""

    def __init__(self, describe: Callable[Concatenate[Any, P], Flow[T]]) -> None:
        """Take what makes the flow of a call."""
        self._describe = describe
        self.__doc__ = describe.__doc__

    @overload
    def __get__(self, resource: None, owner: type) -> Self: ...
    @overload
    def __get__(self, resource: Resource[SyncDriver], owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(
        self, resource: Resource[AsyncDriver], owner: type
    ) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, resource: Any, owner: type) -> Any:  # see the overloads
        """Bind to a resource."""
        return self if resource is None else _bound(self._describe, resource, "run")


@final
class Listing(Generic[P, T]):
    """A method that tells one thing after another: an iterator, or an asynchronous one."""

    def __init__(self, describe: Callable[Concatenate[Any, P], Telling[T]]) -> None:
        """Take what makes the flow of a list."""
        self._describe = describe
        self.__doc__ = describe.__doc__

    @overload
    def __get__(self, resource: None, owner: type) -> Self: ...
    @overload
    def __get__(self, resource: Resource[SyncDriver], owner: type) -> Callable[P, Iterator[T]]: ...
    @overload
    def __get__(
        self, resource: Resource[AsyncDriver], owner: type
    ) -> Callable[P, AsyncIterator[T]]: ...
    def __get__(self, resource: Any, owner: type) -> Any:  # see the overloads
        """Bind to a resource."""
        return self if resource is None else _bound(self._describe, resource, "tell")


def call(describe: Callable[Concatenate[Any, P], Call[T]]) -> Method[P, T]:
    """A method from what describes its one call."""

    def flow(resource: Resource[Driver], /, *args: P.args, **kwargs: P.kwargs) -> Flow[T]:
        return perform(describe(resource, *args, **kwargs), resource.driver.patience)

    update_wrapper(flow, describe)
    return Method(flow)


def steps(describe: Callable[Concatenate[Any, P], Flow[T]]) -> Method[P, T]:
    """A method from a flow of its own, for what takes more than one call."""
    return Method(describe)


def listing(describe: Callable[Concatenate[Any, P], Telling[T]]) -> Listing[P, T]:
    """A method that iterates, from the flow that tells its items."""
    return Listing(describe)


def _bound(
    describe: Callable[Concatenate[Any, P], T], resource: Resource[Driver], how: str
) -> Callable[P, object]:
    perform_it = getattr(resource.driver, how)

    def method(*args: P.args, **kwargs: P.kwargs) -> object:
        return perform_it(describe(resource, *args, **kwargs))

    return update_wrapper(method, describe)
