"""One template worker as the daemon holds it: started, asked, killed when it takes too long."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

import orjson

from repaintd.render import frames
from repaintd.render.launch import worker_command, worker_environment

if TYPE_CHECKING:
    from repaintd.render.limits import Limits
    from repaintd.render.turns import Job

START_DEADLINE: Final = 20.0
_STOP_PATIENCE: Final = 1.0
_TEMPLATES: Final = 256
_BUFFER: Final = 256 * 1024


class WorkerDied(Exception):
    """The child ended while it had something to do, or does not start.

    Attributes:
        code: its exit code, negative for the signal that killed it; None if it never started.
    """

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class WorkerProcess:
    """One child process and the templates that it knows.

    It is spoken to over a socket pair: when this process goes, in whatever way, the child reads the
    end of its input and goes too.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter | None = None
        self._known: OrderedDict[str, None] = OrderedDict()

    @property
    def pid(self) -> int | None:
        """The child, while there is one."""
        return None if self._process is None else self._process.pid

    async def start(self) -> None:
        """Start the child unless it runs; on return it is ready.

        Raises:
            WorkerDied: it does not start; says why.
        """
        if self._process is not None and self._process.returncode is None:
            return
        await self.stop()
        try:
            async with asyncio.timeout(START_DEADLINE):
                await self._spawn()
                ready = await self._receive()
        except TimeoutError as error:
            await self.stop(0)
            raise WorkerDied(f"it was not ready within {START_DEADLINE:g} s") from error
        except OSError as error:
            await self.stop()
            raise WorkerDied(f"it cannot be started: {error}") from error
        except (EOFError, ValueError) as error:
            raise WorkerDied("it ended while starting", await self.stop()) from error
        if ready != frames.READY:
            await self.stop(0)
            raise WorkerDied("it did not say that it is ready")

    async def ask(self, job: Job) -> bytes:
        """Exchange one job for its reply.

        Raises:
            TimeoutError: no reply within the deadline; the child is dead.
            WorkerDied: the child ended, or could not be started.
        """
        await self.start()
        try:
            async with asyncio.timeout(self._limits.deadline):
                reply = await self._exchange(self._request(job))
        except TimeoutError:
            await self.stop(0)
            raise
        except (EOFError, OSError, ValueError) as error:
            raise WorkerDied("it ended while expanding", await self.stop()) from error
        except BaseException:  # cancelled: this reply must not be taken for the next job's
            await self.stop(0)
            raise
        if reply[:1] == frames.ERROR and orjson.loads(reply[1:]).get("lost"):
            self._known.pop(job.prepared.key, None)
        return reply

    async def stop(self, patience: float = _STOP_PATIENCE) -> int | None:
        """End the child, by the end of its input, after *patience* seconds by force.

        Returns:
            Its exit code; None if there was none. Leaves no process behind, also when cancelled.
        """
        if self._writer is not None:
            self._writer.transport.abort()
        process, self._process, self._writer = self._process, None, None
        if process is None:
            return None
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await process.wait()
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        return process.returncode

    async def _spawn(self) -> None:
        ours, theirs = socket.socketpair()
        try:
            self._process = await asyncio.create_subprocess_exec(
                *worker_command(self._limits),
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=asyncio.subprocess.DEVNULL,
                env=worker_environment(),
                cwd="/",
            )
            ours.setblocking(False)
            self._reader, self._writer = await asyncio.open_unix_connection(
                sock=ours, limit=_BUFFER
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self._known.clear()

    def _request(self, job: Job) -> bytes:
        prepared = job.prepared
        request: dict[str, Any] = {
            "key": prepared.key,
            "strict": prepared.strict,
            "variables": orjson.Fragment(job.variables),
            "now": job.now,
        }
        if prepared.key not in self._known:
            request["sources"] = prepared.files
            if len(self._known) >= _TEMPLATES:
                request["forget"] = [self._known.popitem(last=False)[0]]
        self._known[prepared.key] = None
        self._known.move_to_end(prepared.key)
        return orjson.dumps(request)

    async def _exchange(self, request: bytes) -> bytes:
        assert self._writer is not None  # noqa: S101 - start() has just seen to it
        self._writer.write(frames.framed(request))
        await self._writer.drain()
        return await self._receive()

    async def _receive(self) -> bytes:
        header = await self._reader.readexactly(frames.HEADER)
        return await self._reader.readexactly(frames.length_of(header))
