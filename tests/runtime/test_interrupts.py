"""Handlers that run between two steps of a deferral, and use a store there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

START = """
import signal
from hdfchk.runtime import interrupts
from hdfchk.runtime.interrupts import defer_interrupts

calls, first, second = [], signal.SIGUSR1, signal.SIGUSR2
inner = True


def handler(number, frame):
    global inner
    calls.append(number)
    if inner:
        inner = False
        with defer_interrupts():
            pass


for number in (first, second):
    signal.signal(number, handler)
install = interrupts._signal


def at_once(moment):
    '''Let the first signal come once, at a moment of the installation of its handlers.'''

    def replaced(number, new):
        if number == first and moment(new):
            interrupts._signal = install
            return moment.act(number, new)
        return install(number, new)

    interrupts._signal = replaced
"""

END = """
assert [signal.getsignal(number) for number in (first, second)] == [handler, handler]
before = list(calls)
with defer_interrupts():
    signal.raise_signal(first)
    signal.raise_signal(second)
    assert calls == before
assert calls == [*before, first, second], (before, calls)
"""


def run(code: str) -> None:
    """Run code in a process of its own: where it is wrong, it does not end."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", START + code + END],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_while_handlers_are_replaced() -> None:
    """A signal comes just before its handler is replaced: the handler is not lost."""
    run("""
def moment(new):
    return new is not handler


def act(number, new):
    signal.raise_signal(number)
    install(number, new)


moment.act = act
at_once(moment)
with defer_interrupts():
    assert calls == [first]
    signal.raise_signal(second)
    assert calls == [first]
assert calls == [first, second]
""")


def test_while_handlers_are_restored() -> None:
    """A handler that was just restored runs, while a signal waits whose handler is not yet."""
    run("""
def moment(new):
    return new is handler


def act(number, new):
    install(number, new)
    signal.raise_signal(number)


moment.act = act
with defer_interrupts():
    signal.raise_signal(second)
    at_once(moment)
assert calls == [first, second]
""")


def test_a_handler_that_raises_while_handlers_are_replaced() -> None:
    """Its exception leaves the context, which is not entered; no handler is lost."""
    run("""
def fail(number, frame):
    raise KeyError(number)


def moment(new):
    return new is not fail


def act(number, new):
    signal.raise_signal(number)
    install(number, new)


moment.act = act
signal.signal(first, fail)
at_once(moment)
try:
    with defer_interrupts():
        raise AssertionError
except KeyError:
    pass
assert signal.getsignal(first) is fail and not interrupts.is_deferring()
signal.signal(first, handler)
""")


def test_a_handler_that_raises_at_a_safe_point() -> None:
    """What is undone after its exception is deferred as before."""
    run("""
def fail(number, frame):
    raise KeyError(number)


signal.signal(first, fail)
try:
    with defer_interrupts():
        signal.raise_signal(first)
        try:
            interrupts.run_pending()
        finally:
            signal.raise_signal(second)
            assert calls == []
except KeyError:
    pass
assert calls == [second]
signal.signal(first, handler)
""")
