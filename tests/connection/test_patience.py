"""How long calls wait."""

from __future__ import annotations

import threading

from hdfchk.backends.memory import MemoryBackend
from hdfchk.connection.patience import impatient, patience


def test_an_impatient_block_is_that_of_its_thread() -> None:
    """In it calls wait no longer than it says, nor than the store says; other threads wait on."""
    backend, found = MemoryBackend(), []
    assert patience(backend) == backend.lock_timeout == 10.0
    with impatient(0.5):
        assert patience(backend) == 0.5
        with impatient(99.0):
            assert patience(backend) == 10.0
        thread = threading.Thread(target=lambda: found.append(patience(backend)))
        thread.start()
        thread.join()
        assert patience(backend) == 0.5 and found == [10.0]
    assert patience(backend) == 10.0
