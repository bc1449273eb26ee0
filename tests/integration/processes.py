"""Workers as processes of their own, which may be killed, paused and told to end."""

import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAM = ("bot", "worker", "--concurrency", "4")
BEAT_S = 0.5
PATIENCE_S = 200.0
# A process loads its libraries first, which takes long on a busy machine.
END_S = 30.0
# Whoever is told to end before it has begun just ends; who finds no database says so.
FINE = {0, -signal.SIGTERM, 2}


class Workers:
    """Processes at work on one database, as they are started in production."""

    def __init__(self, url, ends, log):
        self._environment = {
            "PATH": os.environ["PATH"],
            "DATABASE_URL": url,
            "ORCHESTRATOR_MODEL": "offline",
            "ORCHESTRATOR_BEAT_S": str(BEAT_S),
            "ORCHESTRATOR_GRACE_S": "0.2",
        }
        self._ends = ends
        self._log = log
        self.running = []
        self.paused = []

    def start(self, *program, **more):
        """Start one more; what is `more` goes into its environment."""
        process = subprocess.Popen(
            [sys.executable, "-m", *(program or PROGRAM)],
            env=self._environment | more,
            cwd=ROOT,
            stderr=self._log,
        )
        self._ends.callback(process.wait)
        self._ends.callback(process.kill)
        self.running.append(process)
        return process

    def ask(self, *program):
        """What a program in the place of a worker prints."""
        command = [sys.executable, "-m", *program]
        done = subprocess.run(
            command, env=self._environment, cwd=ROOT, capture_output=True, timeout=END_S, check=True
        )
        return done.stdout.decode()

    def kill(self, process):
        process.kill()
        process.wait()
        self.running.remove(process)
        self.start()

    def pause(self, process):
        process.send_signal(signal.SIGSTOP)
        self.running.remove(process)
        self.paused.append(process)
        self.start()

    def resume(self):
        for process in self.paused:
            process.send_signal(signal.SIGCONT)
        self.running += self.paused
        self.paused = []

    def end(self):
        """Tell all to end; their exit codes."""
        for process in self.running:
            process.terminate()
        return [process.wait(END_S) for process in self.running]
