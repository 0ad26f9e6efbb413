"""The connection: who may, who is there, and what is said of it."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from repaintd.plugin import DeliveryFailed, PluginError, Secret, SecretUnavailable
from repaintd_mqtt import Mqtt
from repaintd_mqtt.connection import Unreachable, connection, identifier_of

STATUS = "repaintd/status"

DAEMON = """
import asyncio, structlog, sys
from prometheus_client import CollectorRegistry
from repaintd.plugin import PluginContext, Secret
from repaintd_mqtt import Mqtt

class Host:
    def all(self): return []
    def get(self, uid): return None

async def main():
    plugin = Mqtt()
    settings = plugin.settings_model(host="127.0.0.1", port=int(sys.argv[1]))
    context = PluginContext(http=None, secret=Secret, registry=CollectorRegistry(),
        log=structlog.get_logger(), directory=None, host=Host())
    async with plugin.open(settings, context) as components:
        await components.sinks[""].work()

asyncio.run(main())
"""


async def test_status_is_online_while_connected_and_offline_after_a_clean_stop(bench, eventually):
    async with bench.listening(STATUS) as ear:
        async with bench.working():
            await eventually(lambda: ear.at.get(STATUS) == b"online")
            assert bench.metric("repaintd_mqtt_connected") == 1
        await eventually(lambda: ear.at.get(STATUS) == b"offline")
    async with bench.listening(STATUS) as later:
        await eventually(lambda: later.heard == [(STATUS, b"offline", True)])
    assert bench.log.lines("warning") == []


async def test_status_is_offline_after_the_daemon_was_killed(bench, eventually):
    async with bench.listening(STATUS) as ear:
        daemon = await asyncio.create_subprocess_exec(
            sys.executable, "-c", DAEMON, str(bench.broker.port)
        )
        try:
            await eventually(lambda: ear.at.get(STATUS) == b"online", within=30)
        finally:
            daemon.kill()
            await daemon.wait()
        await eventually(lambda: ear.at.get(STATUS) == b"offline")
    async with bench.listening(STATUS) as later:
        await eventually(lambda: later.heard == [(STATUS, b"offline", True)])


async def test_status_is_said_again_when_the_broker_says_otherwise(bench, eventually):
    async with bench.listening(STATUS) as ear, bench.working():
        await eventually(lambda: ear.at.get(STATUS) == b"online")
        await ear.client.publish(STATUS, b"offline", qos=1, retain=True)
        await eventually(lambda: ear.payloads(STATUS) == [b"online", b"offline", b"online"])


async def test_a_lost_broker_is_said_once_and_its_return_once(bench, eventually):
    async with bench.working():
        await eventually(lambda: bench.metric("repaintd_mqtt_connected") == 1)
        bench.broker.stop()
        await eventually(lambda: len(bench.log.lines("debug")) > 3)
        bench.broker.start()
        await eventually(lambda: bench.metric("repaintd_mqtt_reconnects_total") == 1)
    warnings = bench.log.lines("warning")
    assert len(warnings) <= 2  # lost; and refused since, which is another reason
    assert "connection was lost" in warnings[0]
    assert len(bench.log.lines("info")) == 2


async def test_a_wrong_password_is_said_and_the_right_one_found_later(
    cold_bench, eventually, event_of, require
):
    passwords = cold_bench.broker.directory / "passwords"
    make = [require("mosquitto_passwd"), "-b", "-c", str(passwords), "daemon", "right"]
    run(*make)
    cold_bench.broker.lines = ["allow_anonymous false", f"password_file {passwords}"]
    cold_bench.broker.start()
    cold_bench.secrets["${env:MQTT}"] = "wrong"
    async with cold_bench.working(username="daemon", password="${env:MQTT}") as sink:
        await eventually(lambda: cold_bench.log.lines("warning"))
        cold_bench.secrets["${env:MQTT}"] = "right"
        await sink.deliver(event_of(1))
    (warning,) = cold_bench.log.lines("warning")
    assert "refuses user name or password" in warning
    assert "plugins.mqtt.password" in warning
    assert "wrong" not in str(cold_bench.log.said)


async def test_a_secret_that_is_missing_is_said(bench, eventually):
    async def fails():
        def secret(text: str) -> Secret:
            if text.startswith("$"):
                raise SecretUnavailable(f"{text} is not set")
            return Secret(text)

        async with connection(
            bench.settings(username="u", password="${env:GONE}"), secret, identifier="x"
        ):
            raise AssertionError("it connected")

    with pytest.raises(Unreachable, match="env:GONE"):
        await fails()


def run(*command, cwd=None):
    subprocess.run(command, check=True, capture_output=True, cwd=cwd)  # noqa: S603 - our own words


def certify(directory, openssl):
    """A CA, another CA, and a certificate of the first one for localhost."""

    def openssl_run(*arguments):
        run(openssl, *arguments, cwd=directory)

    new = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    for name in ("ca", "other"):
        files = ["-keyout", f"{name}.key", "-out", f"{name}.pem"]
        constraints = ["-addext", "keyUsage=critical,keyCertSign"]
        openssl_run(*new, "-x509", "-days", "2", "-subj", f"/CN={name}", *files, *constraints)
    openssl_run(*new, "-subj", "/CN=127.0.0.1", "-keyout", "server.key", "-out", "server.csr")
    (directory / "names").write_text("subjectAltName=IP:127.0.0.1")
    signing = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2"]
    openssl_run(
        "x509", "-req", "-in", "server.csr", *signing, "-extfile", "names", "-out", "server.pem"
    )


@pytest.fixture
def tls_bench(cold_bench, require):
    directory = cold_bench.broker.directory
    certify(directory, require("openssl"))
    cold_bench.broker.lines = [
        f"certfile {directory}/server.pem",
        f"keyfile {directory}/server.key",
    ]
    cold_bench.broker.start()
    return cold_bench


async def test_tls_with_an_own_ca(tls_bench, event_of):
    ca = str(tls_bench.broker.directory / "ca.pem")
    async with tls_bench.working(tls={"ca": ca}) as sink:
        await sink.deliver(event_of(1))
    assert tls_bench.log.lines("warning") == []


async def test_tls_with_anybody(tls_bench, event_of):
    async with tls_bench.working(tls={"insecure": True}) as sink:
        await sink.deliver(event_of(1))


@pytest.mark.parametrize("tls", [{"ca": "other.pem"}, True])
async def test_tls_with_a_ca_that_did_not_sign_is_refused(tls_bench, tls):
    if tls is not True:
        tls = {"ca": str(tls_bench.broker.directory / tls["ca"])}
    settings = tls_bench.settings(tls=tls)
    with pytest.raises(Unreachable, match=r"CERTIFICATE_VERIFY_FAILED.*plugins\.mqtt\.tls"):
        async with connection(settings, Secret, identifier="x"):
            raise AssertionError("it connected")


async def test_tls_files_that_are_missing_are_named(bench, event_of):
    async with bench.working(tls={"ca": "/nowhere/ca.pem"}, within=0.1, patience=0.5) as sink:
        with pytest.raises(DeliveryFailed, match=r"plugins\.mqtt\.tls: cannot use /nowhere/ca.pem"):
            await sink.deliver(event_of(1))


async def test_a_broker_that_accepts_and_says_nothing_is_left(bench, monkeypatch):
    """It keeps no socket of ours, and stopping does not wait for it."""
    monkeypatch.setattr("repaintd_mqtt.connection.CONNECT_WITHIN", 0.2)
    connected = asyncio.Event()
    closed = asyncio.Event()

    async def mute(reader, writer):
        connected.set()
        while await reader.read(1000):
            pass
        closed.set()
        writer.close()

    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(Unreachable, match="timed out"):
            async with connection(bench.settings(port=port), Secret, identifier="x"):
                raise AssertionError("it connected")
        await asyncio.wait_for(closed.wait(), 5)
        monkeypatch.setattr("repaintd_mqtt.connection._STRAGGLE", 0.1)
        monkeypatch.setattr("repaintd_mqtt.connection.CONNECT_WITHIN", 60)
        connected.clear()
        closed.clear()
        async with bench.working(port=port):
            await asyncio.wait_for(connected.wait(), 5)
        await asyncio.wait_for(closed.wait(), 5)


async def test_access_rules_that_keep_us_out_are_said(cold_bench, eventually):
    """Mosquitto takes what it forbids to publish, and drops it: MQTT 3.1.1 has no other answer."""
    rules = cold_bench.broker.directory / "rules"
    rules.write_text("topic read repaintd/#\n")
    cold_bench.broker.lines = [f"acl_file {rules}"]
    cold_bench.broker.start()
    async with cold_bench.working():
        await eventually(lambda: "access rules" in " ".join(cold_bench.log.lines("warning")))


async def test_the_client_id_is_stable_and_its_own_for_each_prefix(bench):
    one = identifier_of(bench.settings(prefix="home/a"))
    assert one == identifier_of(bench.settings(prefix="home/a"))
    assert one != identifier_of(bench.settings(prefix="home/b"))
    assert identifier_of(bench.settings(clientId="mine")) == "mine"


async def test_without_aiomqtt_it_says_what_to_install(bench, monkeypatch):
    monkeypatch.setattr("repaintd_mqtt.mqtt.find_spec", lambda _name: None)
    with pytest.raises(PluginError, match=r"repaintd\[mqtt\]"):
        async with Mqtt().open(bench.settings(), bench.context()):
            raise AssertionError("it opened")
    (finding,) = await Mqtt().diagnose(bench.settings(), bench.context())
    assert not finding.ok
    assert "repaintd[mqtt]" in finding.remedy


async def test_it_serves_one_sink_and_leaves_no_metrics_behind(bench):
    for _ in range(2):
        async with Mqtt().open(bench.settings(), bench.context()) as components:
            assert list(components.sinks) == [""]
            assert bench.metric("repaintd_mqtt_connected") == 0
    assert bench.metric("repaintd_mqtt_connected") is None


async def test_without_a_daemon_there_is_no_sink(bench):
    async with Mqtt().open(bench.settings(), bench.context(host=None)) as components:
        assert not components.sinks


async def test_the_doctor_connects_beside_the_running_daemon(bench, eventually):
    async with bench.working():
        await eventually(lambda: bench.metric("repaintd_mqtt_connected") == 1)
        (finding,) = await Mqtt().diagnose(bench.settings(), bench.context(host=None))
        assert finding.ok, finding
        assert bench.metric("repaintd_mqtt_reconnects_total") == 0
    bench.broker.stop()
    (finding,) = await Mqtt().diagnose(bench.settings(), bench.context(host=None))
    assert not finding.ok
    assert "Connection refused" in finding.detail
