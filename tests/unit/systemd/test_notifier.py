from __future__ import annotations

import os
import socket
import uuid

import pytest
from structlog.testing import capture_logs

from repaintd.systemd import Notifier, watchdog_interval


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path):
    """A datagram socket as systemd's; with its address as `$NOTIFY_SOCKET` has it."""
    address = str(tmp_path / "notify")
    if request.param == "abstract":
        address = f"@repaintd-test-{uuid.uuid4().hex}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(address.replace("@", "\0", 1))
        listener.settimeout(5)
        yield listener, address


def _heard(listener: socket.socket) -> list[str]:
    return listener.recv(4096).decode().split("\n")


@pytest.mark.parametrize(
    ("call", "lines"),
    [
        (lambda n: n.ready(), ["READY=1"]),
        (lambda n: n.ready("5 bindings"), ["READY=1", "STATUS=5 bindings"]),
        (lambda n: n.stopping(), ["STOPPING=1"]),
        (lambda n: n.reloading(), ["RELOADING=1", "MONOTONIC_USEC=1234567"]),
        (lambda n: n.status("two\nlines\n"), ["STATUS=two lines"]),
        (lambda n: n.watchdog(), ["WATCHDOG=1"]),
        (lambda n: n.extend_timeout(1.5), ["EXTEND_TIMEOUT_USEC=1500000"]),
    ],
)
def test_the_manager_hears(manager, call, lines):
    listener, address = manager
    call(Notifier(address, monotonic_ns=lambda: 1_234_567_890))
    assert _heard(listener) == lines


def test_the_socket_is_found_in_the_environment(manager):
    listener, address = manager
    Notifier.from_environ({"NOTIFY_SOCKET": address}).ready()
    assert _heard(listener) == ["READY=1"]


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}])
def test_without_a_manager_nothing_happens(environ):
    with capture_logs() as logs:
        Notifier.from_environ(environ).ready()
    assert logs == []


@pytest.mark.parametrize("address", ["/nowhere/notify", "vsock:2:1", "x" * 200, "/nul\0byte"])
def test_a_manager_that_does_not_listen_is_logged_once_and_is_no_reason_to_fail(address):
    notifier = Notifier(address)
    with capture_logs() as logs:
        notifier.ready()
        notifier.watchdog()
    assert [each["event"] for each in logs] == ["service manager does not listen"]


def test_a_manager_whose_queue_is_full_does_not_hold_us_up(tmp_path, monkeypatch):
    monkeypatch.setattr("repaintd.systemd.notifier._TIMEOUT", 0.01)
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener, capture_logs() as logs:
        listener.bind(address)
        notifier = Notifier(address)
        while not logs:
            notifier.watchdog()
        while listener.recv(4096, socket.MSG_DONTWAIT) and _waiting(listener):
            pass
        notifier.ready()
        assert _heard(listener) == ["READY=1"]


def _waiting(listener: socket.socket) -> bool:
    try:
        return bool(listener.recv(4096, socket.MSG_DONTWAIT | socket.MSG_PEEK))
    except BlockingIOError:
        return False


def test_an_empty_status_is_not_sent(manager):
    listener, address = manager
    notifier = Notifier(address)
    notifier.status(" \n")
    notifier.ready()
    assert _heard(listener) == ["READY=1"]


@pytest.mark.parametrize(
    ("environ", "interval"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 10.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 10.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "-5"}, None),
    ],
)
def test_the_watchdog_is_fed_three_times_per_timeout(environ, interval):
    assert watchdog_interval(environ, os.getpid()) == interval
