"""Keeps a connection to the broker for as long as the daemon runs."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Final

import aiomqtt

from repaintd.plugin import DeliveryFailed
from repaintd_mqtt.connection import Unreachable, connection, identifier_of
from repaintd_mqtt.session import Session
from repaintd_mqtt.topics import OFFLINE, ONLINE

if TYPE_CHECKING:
    from collections.abc import Callable

    from repaintd.plugin import PluginContext
    from repaintd_mqtt.backoff import Backoff
    from repaintd_mqtt.metrics import Metrics
    from repaintd_mqtt.settings import MqttSettings
    from repaintd_mqtt.topics import Topics

_FAREWELL_WITHIN: Final = 2.0


class Link:
    """The connection, again and again; told to everybody who asks for the session.

    Args:
        on_message: takes every message of the broker that is not about our own status.
        within: seconds that the broker may take to acknowledge one message.
    """

    def __init__(
        self,
        settings: MqttSettings,
        context: PluginContext,
        topics: Topics,
        *,
        metrics: Metrics,
        backoff: Backoff,
        on_message: Callable[[Session, aiomqtt.Message], None],
        within: float,
    ) -> None:
        self._settings = settings
        self._secret = context.secret
        self._log = context.log
        self._topics = topics
        self._metrics = metrics
        self._backoff = backoff
        self._on_message = on_message
        self._within = within
        self._session: Session | None = None
        self._up = asyncio.Event()
        self._since: float | None = None  # when this connection was made, loop time
        self._connections = 0
        self.trouble: str | None = "the daemon has only just started"
        """Why there is no connection; None while there is one."""

    async def session(self) -> Session:
        """The present connection; waits until there is one."""
        while self._session is None:
            await self._up.wait()
        return self._session

    async def run(self) -> None:
        """Connect until cancelled; then say goodbye, so that the broker need not find out."""
        while True:
            try:
                await self._once()
            except Unreachable as exc:
                self._down(str(exc))
            except (aiomqtt.MqttError, DeliveryFailed) as exc:
                why = exc.__cause__ or exc
                self._down(f"{self._settings.address}: the connection was lost: {why}")
            await asyncio.sleep(self._backoff.pause(self._lasted()))

    async def _once(self) -> None:
        self._since = None
        will = aiomqtt.Will(self._topics.status, OFFLINE, qos=1, retain=True)
        async with connection(
            self._settings,
            self._secret,
            identifier=identifier_of(self._settings),
            will=will,
            take=lambda message: self._take(session, message),  # none comes before we ask for it
        ) as client:
            session = Session(client, self._topics, self._within)
            # It outlives this block by a moment: it ends with the connection, however that ends.
            listening = asyncio.create_task(_until_lost(client), name="mqtt messages")
            listening.add_done_callback(partial(_ended, session))
            insisting = asyncio.create_task(self._insist(session), name="mqtt status")
            try:
                await self._introduce(session)
                self._is_up(session)
                await asyncio.shield(listening)
            except asyncio.CancelledError:
                insisting.cancel()  # or it would object to the farewell
                await self._farewell(session)
                raise
            finally:
                insisting.cancel()
                self._session = None
                self._up.clear()
                self._metrics.connected.set(0)

    async def _introduce(self, session: Session) -> None:
        topics = self._topics
        refused = await session.subscribe((topics.status, topics.commands, topics.home_assistant))
        if refused:
            self._log.warning(
                "the MQTT broker does not let us read some topics, so commands will not work:"
                " check its access rules",
                topics=refused,
            )
        await session.announce()

    def _take(self, session: Session, message: aiomqtt.Message) -> None:
        if message.topic.value != self._topics.status:
            self._on_message(session, message)
        elif message.retain:
            return  # what was so before we came
        elif message.payload == ONLINE:
            session.echoed.set()
        else:
            session.contradicted.set()

    async def _insist(self, session: Session) -> None:
        """Say again that we are here, when the broker said otherwise.

        It does so for an old connection of ours that it gave up late.
        """
        try:
            while True:
                await session.contradicted.wait()
                session.contradicted.clear()
                await session.announce()
        except DeliveryFailed as exc:
            self._log.debug("status was not told again", error=str(exc))

    async def _farewell(self, session: Session) -> None:
        try:
            await session.publish(
                self._topics.status, OFFLINE, retain=True, within=_FAREWELL_WITHIN
            )
        except DeliveryFailed as exc:
            self._log.debug("the MQTT broker was not told that we stop", error=str(exc))

    def _is_up(self, session: Session) -> None:
        self._since = asyncio.get_running_loop().time()
        self._session = session
        self._up.set()
        self.trouble = None
        self._metrics.connected.set(1)
        if self._connections:
            self._metrics.reconnects.inc()
        self._connections += 1
        self._log.info("connected to the MQTT broker", broker=self._settings.address)

    def _down(self, why: str) -> None:
        """Said once for each reason in a row, however often it is tried."""
        if why == self.trouble:
            self._log.debug("still no MQTT broker", error=why)
            return
        self.trouble = why
        self._log.warning("no MQTT broker; trying again until there is one", error=why)

    def _lasted(self) -> float:
        now = asyncio.get_running_loop().time()
        return 0.0 if self._since is None else now - self._since


async def _until_lost(client: aiomqtt.Client) -> None:
    """The messages are handed over elsewhere; their end tells of the connection's."""
    async for _ in client.messages:
        pass


def _ended(session: Session, listening: asyncio.Task[None]) -> None:
    """The end of the messages is the first that anybody hears of a lost connection."""
    session.end()
    if not listening.cancelled():
        listening.exception()  # taken note of: who still waits for it is told again
