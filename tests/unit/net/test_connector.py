from __future__ import annotations

import aiohttp

from repaintd.net.connector import BoundedConnector, BoundedHandler


async def test_idle_connections_are_kept_to_so_many_hosts_only(serve, stub_resolver, response):
    server = await serve(response(b"{}"))
    connector = BoundedConnector(resolver=stub_resolver("127.0.0.1"), most_idle_hosts=2)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def ask(name):
            async with session.get(f"http://{name}.test:{server.port}/") as answer:
                await answer.read()

        for name in ("one", "two", "three", "three", "one", "two"):
            await ask(name)
    # one and two are kept, three is connected to twice
    assert server.connections == 4


async def test_every_connection_is_a_bounded_one():
    async with BoundedConnector() as connector:
        assert isinstance(connector._factory(), BoundedHandler)
