"""Decides when the configuration is read again, and sees to it that it is never read half.

File watching, looking now and then, SIGHUP and `POST /-/reload` all end here and do the same: wait
until the tree is still, load all of it, look whether it is still the same tree, then accept all of
it or nothing. One reload runs at a time; whatever is asked for meanwhile causes one more after it.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, NoReturn, Protocol, TypeVar

from repaintd.errors import ConfigurationError, RepaintdError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

    from repaintd.config import Problem
    from repaintd.core.ports import Clock

T = TypeVar("T")
U = TypeVar("U")
L_co = TypeVar("L_co", covariant=True)
L_contra = TypeVar("L_contra", contravariant=True)

ROUNDS: Final = 3
"""How often a tree that changes while it is read is read once more."""
MOST_WAITING: Final = 64
TURN: Final = 0.0005
"""Seconds after which a thread that loads lets others have the interpreter, if they want it."""


class ReloadBroke(RepaintdError):
    """A bug of ours, or too many who ask: nothing is known of the configuration."""


class Tree(Protocol[L_co]):
    """The configuration directory; both block, and are called in a thread."""

    def signature(self) -> bytes:
        """Changes when anything does that a load would read; never fails."""

    def load(self) -> L_co:
        """Read and check all of it.

        Raises:
            ConfigurationError: with all problems.
        """


class Verdicts(Protocol[L_contra]):
    """What becomes of a tree that was read."""

    def begin(self) -> None:
        """A reload begins; `end` follows whatever comes of it."""

    async def accept(self, loaded: L_contra) -> Mapping[str, Any] | None:
        """Make it the active configuration; what changed, or None where it says the same.

        Raises:
            ConfigurationError: it cannot be made that; nothing was changed.
        """

    async def reject(self, problems: Sequence[Problem]) -> None:
        """Tell that it cannot be used."""

    def end(self) -> None:
        """The reload is over."""

    def is_due(self) -> bool:
        """Whether the same tree has to be looked at once more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Seconds: how long a tree must hold still, how long to wait for that, between two looks."""

    settle: float = 0.5
    longest: float = 10.0
    poll: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a reload came to.

    Attributes:
        applied: what changed; None where nothing did.
        problems: why the tree cannot be used; the active configuration is what it was.
    """

    applied: Mapping[str, Any] | None = None
    problems: tuple[Problem, ...] = ()


class InThread(Protocol):
    """`asyncio.to_thread`."""

    def __call__(self, function: Callable[[], U], /) -> Awaitable[U]:
        """What *function* returns."""


class Reloads(Generic[T]):
    """The one who reloads.

    Args:
        pace: asked before each reload, as it may change with one.
        seen: signature of the tree that is active.
    """

    def __init__(
        self,
        tree: Tree[T],
        verdicts: Verdicts[T],
        *,
        pace: Callable[[], Pace],
        clock: Clock,
        log: Any,
        seen: bytes | None = None,
        in_thread: InThread = asyncio.to_thread,
    ) -> None:
        self._tree = tree
        self._verdicts = verdicts
        self._pace = pace
        self._clock = clock
        self._log = log
        self._seen = seen
        self._in_thread = in_thread
        self._wake = asyncio.Event()
        self._asked = False
        self._waiting: list[asyncio.Future[Outcome]] = []

    def notice(self) -> None:
        """Something may have changed: look, and reload if it has."""
        self._wake.set()

    def ask(self) -> None:
        """Reload, changed or not (SIGHUP)."""
        self._asked = True
        self._wake.set()

    async def reload(self) -> Outcome:
        """Reload, changed or not, and tell what came of it.

        Raises:
            ReloadBroke: it could not be tried.
        """
        if len(self._waiting) >= MOST_WAITING:
            raise ReloadBroke(f"{MOST_WAITING} others wait for a reload already; try again later")
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        self.ask()
        return await future

    async def serve(self) -> NoReturn:
        """Reload when there is reason to, for ever. Run it as a named task."""
        while True:
            await self._turn()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pace().poll):
                    await self._wake.wait()

    async def _turn(self) -> None:
        """One look, and a reload where it is asked for or something has changed."""
        self._wake.clear()
        asked, self._asked = self._asked, False
        waiting, self._waiting = self._waiting, []
        try:
            outcome = await self._reload() if asked or await self._is_new() else Outcome()
        except Exception as error:  # noqa: BLE001 — the daemon goes on with what it has
            self._log.exception("a reload broke; please report this")
            broke = ReloadBroke(f"internal error: {type(error).__name__}; see the log")
            _answer(waiting, lambda future: future.set_exception(broke))
        else:
            _answer(waiting, lambda future: future.set_result(outcome))

    async def _is_new(self) -> bool:
        return self._verdicts.is_due() or await self._signature() != self._seen

    async def _reload(self) -> Outcome:
        self._verdicts.begin()
        try:
            signature, found = await self._read()
            outcome = await self._judge(found)
            self._seen = signature
        finally:
            self._verdicts.end()
        return outcome

    async def _judge(self, found: T | ConfigurationError) -> Outcome:
        error: ConfigurationError
        try:
            if not isinstance(found, ConfigurationError):
                return Outcome(applied=await self._verdicts.accept(found))
            error = found
        except ConfigurationError as refused:
            error = refused
        await self._verdicts.reject(error.problems)
        return Outcome(problems=error.problems)

    async def _read(self) -> tuple[bytes, T | ConfigurationError]:
        """What stands in the tree, read while nobody wrote.

        A tree that never holds still is used if it loads whole, and believed to be bad only when
        it was that each time.
        """
        for last in (*(False,) * (ROUNDS - 1), True):
            signature, still = await self._still()
            found = await self._load()
            broken = isinstance(found, ConfigurationError)
            same = await self._signature() == signature
            if (still and same) or last or not (still or broken):
                break
            self._log.debug("the configuration changed while it was read; reading it again")
        return signature, found

    async def _load(self) -> T | ConfigurationError:
        try:
            with _quick_turns():
                return await self._in_thread(self._tree.load)
        except ConfigurationError as error:
            return error

    async def _still(self) -> tuple[bytes, bool]:
        """The signature once it stays the same, and whether it did before we lost patience."""
        pace = self._pace()
        patience = self._clock.monotonic() + pace.longest
        signature = await self._signature()
        while True:
            await asyncio.sleep(pace.settle)
            before, signature = signature, await self._signature()
            if signature == before:
                return signature, True
            if self._clock.monotonic() >= patience:
                return signature, False

    async def _signature(self) -> bytes:
        return await self._in_thread(self._tree.signature)


def _answer(
    futures: Sequence[asyncio.Future[Outcome]], tell: Callable[[asyncio.Future[Outcome]], None]
) -> None:
    for future in futures:
        if not future.done():  # its caller may be gone
            tell(future)


@contextmanager
def _quick_turns() -> Iterator[None]:
    """Let the event loop have the interpreter back sooner while a thread computes.

    After each system call the loop asks for it anew and waits up to the switch interval; with the
    usual 5 ms, twenty polls that answer together would block it for 100 ms.
    """
    usual = sys.getswitchinterval()
    sys.setswitchinterval(TURN)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)
