"""The MCP server as a program of its own.

`python mcp_program.py [slow|crash|shout]`: not ready in time, ends at once, or writes no protocol.
BEGUN in the environment is a pipe to tell of the beginning.
"""

import os
import signal
import sys
from pathlib import Path


def main():
    if "BEGUN" in os.environ:
        Path(os.environ["BEGUN"]).write_text("begun")
    behaviour = sys.argv[1] if len(sys.argv) > 1 else ""
    if behaviour == "slow":
        signal.pause()
    if behaviour == "crash":
        sys.exit("no licence for key sesame-open-up")
    if behaviour == "shout":
        os.write(1, b"HELLO\n")
    # What never serves does not load the library.
    from mcp_tools import make_server

    make_server().run()


if __name__ == "__main__":
    main()
