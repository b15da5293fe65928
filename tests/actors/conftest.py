"""Processes for the tests of this folder: started once, used by all, reaped in any case."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.actors.actors import Actor


@pytest.fixture(scope="session")
def pool() -> Iterator[list[Actor]]:
    """All actors that there are."""
    made: list[Actor] = []
    yield made
    for actor in made:
        actor.kill()


@pytest.fixture
def actors(pool: list[Actor], tmp_path: object) -> Iterator[Callable[[int], list[Actor]]]:
    """Gives so many actors, which have nothing open, and are no others' meanwhile."""
    lent: list[Actor] = []

    def lend(count: int) -> list[Actor]:
        pool[:] = [actor for actor in pool if actor.is_alive]
        free = [actor for actor in pool if actor not in lent][:count]
        while len(free) < count:
            free.append(Actor())
            pool.append(free[-1])
        lent.extend(free)
        return free

    yield lend
    Actor.reset(lent)


@pytest.fixture
def actor(actors: Callable[[int], list[Actor]]) -> Actor:
    """One actor."""
    return actors(1)[0]
