"""A person who starts the command line in a terminal, reads and types."""

import os
import pty
import re
import select
import subprocess
import sys
import time

COMMAND = [sys.executable, "-m", "orchestrator"]
OFFLINE = ["--model", "offline"]
WITHIN_S = 40
_NAME = re.compile(r"R-[2-9A-HJKMNP-TV-Z]{4,8}")


def names_in(said):
    """The short ids of runs in a text."""
    return _NAME.findall(said)


def name_in(said):
    """The first of them."""
    return names_in(said)[0]


class AtTerminal:
    """Starts the command line in a terminal of its own."""

    def __init__(self, *arguments, **environment):
        self._master, slave = pty.openpty()
        self._process = subprocess.Popen(
            [*COMMAND, *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=_take_terminal,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "100", "NO_COLOR": "1", **environment},
        )
        os.close(slave)
        self.said = ""
        self._read_to = 0

    def reads(self, words):
        """Wait until `words` come after what was read before."""
        deadline = time.monotonic() + WITHIN_S
        while (at := self.said.find(words, self._read_to)) < 0:
            assert self._hears(deadline), f"never said {words!r}:\n{self.said}"
        self._read_to = at + len(words)

    def types(self, line):
        os.write(self._master, f"{line}\n".encode())

    def presses_ctrl_c(self):
        os.write(self._master, b"\x03")

    def presses_ctrl_d(self):
        os.write(self._master, b"\x04")

    def leaves(self):
        """The exit code."""
        deadline = time.monotonic() + WITHIN_S
        while self._hears(deadline):
            continue
        return self._process.wait(WITHIN_S)

    def _hears(self, deadline):
        if not select.select([self._master], [], [], max(0, deadline - time.monotonic()))[0]:
            return False
        try:
            heard = os.read(self._master, 65536)
        except OSError:
            return False
        self.said += heard.decode(errors="replace")
        return bool(heard)

    def close(self):
        self._process.kill()
        self._process.wait()
        os.close(self._master)


def _take_terminal():
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
