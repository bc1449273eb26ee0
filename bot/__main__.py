"""`python -m bot`."""

from bot.ending import end_when_told

if __name__ == "__main__":
    end_when_told()
    # Everything else takes a moment to load.
    from bot.cli import cli

    cli()
