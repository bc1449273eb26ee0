"""A loop whose clock jumps to the next thing to do: no test waits for it."""

import asyncio
import selectors
from contextlib import asynccontextmanager, contextmanager

from orchestrator.store.database import Database


class _Jumping(selectors.DefaultSelector):
    """Jumps to the next timer once nothing else is left to do; `busy` counts what is."""

    def __init__(self):
        super().__init__()
        self.now = 0.0
        self.busy = 0

    def select(self, timeout=None):
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        if self.busy:
            return super().select(0.05)
        found = super().select(0)
        if not found:
            self.now += timeout
        return found


class DrivenLoop(asyncio.SelectorEventLoop):
    """Seconds pass at once, as soon as nothing else is to be done."""

    def __init__(self):
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self):
        return self._jumping.now

    @contextmanager
    def standing_still(self):
        """No second passes meanwhile: a thread that the loop does not know of is at work."""
        self._jumping.busy += 1
        try:
            yield
        finally:
            self._jumping.busy -= 1

    def run_in_executor(self, executor, func, *args):
        """At once: the clock would not wait for a thread."""
        done = self.create_future()
        done.set_result(func(*args))
        return done


class AwaitedDatabase(Database):
    """A database that the driven clock waits for."""

    async def write(self, work):
        with asyncio.get_running_loop().standing_still():
            return await super().write(work)

    @asynccontextmanager
    async def read(self):
        with asyncio.get_running_loop().standing_still():
            async with super().read() as session:
                yield session


def drive(coroutine):
    """Run `coroutine` to its end in a loop of its own."""
    with asyncio.Runner(loop_factory=DrivenLoop) as runner:
        return runner.run(coroutine)


def now():
    """The seconds that have passed in the loop."""
    return asyncio.get_running_loop().time()


async def passes(seconds):
    """Let so many seconds pass by the driven clock, which takes no time."""
    assert isinstance(asyncio.get_running_loop(), DrivenLoop)
    await asyncio.sleep(seconds)
