"""`python -m orchestrator`: the command line."""

import signal

if __name__ == "__main__":
    # Where there is nothing to leave in order, Ctrl-C ends the process at once.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

    from orchestrator.cli import main

    main()
