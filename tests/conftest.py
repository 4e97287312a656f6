import os
import signal

import pytest

import cio_frames as cio


def pytest_configure(config):
    """Handle Ctrl-C, although a shell that runs the tests in the background ignores it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def clean_environ(monkeypatch):
    """No key, region or proxy of this machine reaches a test."""
    for name in list(os.environ):
        if name.startswith("CIO_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def stop_handlers():
    """Handle stop signals as a program would, so that one test's signal does not end all later deliveries."""
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.signal(number, lambda *_: None) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="module")
def shared_sandbox():
    """One sandbox per file of tests, since start and stop take a fifth of a second."""
    with cio.Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(shared_sandbox):
    """The shared sandbox, without the requests of earlier tests."""
    return SandboxSince(shared_sandbox)


class SandboxSince:
    """A sandbox without the requests that it had before."""

    def __init__(self, sandbox):
        self._sandbox = sandbox
        self._requests = len(sandbox.requests())
        self.client = sandbox.client
        self.url = sandbox.url

    def calls(self):
        calls = self._sandbox.calls()
        return calls[calls["request"] >= self._requests].reset_index(drop=True)

    def requests(self):
        return self._sandbox.requests().iloc[self._requests :].reset_index(drop=True)
