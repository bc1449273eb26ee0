"""The commands of `python -m bot`: the bot, the local workspace, the tools to set them up."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from bot import logging
from bot.settings import BotSettings
from orchestrator.errors import ConfigurationError

cli = typer.Typer(
    add_completion=False, pretty_exceptions_enable=False, help="Orchestrator, the Slack bot."
)


def sensible(command: Callable[[], Any]) -> None:
    """Run `command`; a wrong set-up is one line on standard error and exit code 2."""
    try:
        command()
    except ConfigurationError as error:
        typer.echo(str(error), err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


@cli.callback(invoke_without_command=True)
def start(
    context: typer.Context,
    *,
    http: Annotated[bool, typer.Option("--http", help="Take Slack's requests over HTTP.")] = False,
    no_work: Annotated[
        bool, typer.Option("--no-work", help="Leave the work to `worker` processes.")
    ] = False,
) -> None:
    """Start the bot."""
    if context.invoked_subcommand is not None:
        return
    logging.configure()

    def run() -> None:
        settings = BotSettings.load()
        if no_work:
            settings.check_shared()
        # Each way in takes memory of its own.
        if http:
            from bot.http import run_http

            asyncio.run(run_http(settings, works=not no_work))
        else:
            from bot.app import run_socket_mode

            asyncio.run(run_socket_mode(settings, works=not no_work))

    sensible(run)


@cli.command()
def local(
    *,
    with_bot: Annotated[
        bool, typer.Option("--with-bot", help="Start the bot in it as well.")
    ] = False,
) -> None:
    """Start the local workspace: Slack on your own machine, without an account."""
    logging.configure("WARNING")

    def run() -> None:
        from bot import local as workspace

        settings = BotSettings.load()
        asyncio.run(workspace.run(settings, with_bot=with_bot))

    sensible(run)


@cli.command()
def worker(
    *,
    concurrency: Annotated[
        int | None, typer.Option(min=1, help="Attempts that run at once in this process.")
    ] = None,
) -> None:
    """Do the work of bots that share a PostgreSQL database, as one of many."""
    logging.configure()

    def run() -> None:
        from bot.worker import run_worker

        settings = BotSettings.load()
        if concurrency is not None:
            settings = settings.model_copy(update={"concurrency": concurrency})
        asyncio.run(run_worker(settings))

    sensible(run)


@cli.command()
def migrate() -> None:
    """Bring the database to the tables of this version."""

    def run() -> None:
        from orchestrator.store.migrate import migrate as upgrade

        typer.echo(f"The database is at revision {upgrade(BotSettings.load().database_url)}.")

    sensible(run)


@cli.command()
def move(
    *,
    to: Annotated[str, typer.Option(help="An empty database: postgresql+psycopg://…")],
) -> None:
    """Copy the SQLite database with its whole history to PostgreSQL; again to go on with it."""

    def run() -> None:
        from bot.move import show_move

        show_move(BotSettings.load().database_url, to)

    sensible(run)


@cli.command()
def manifest(
    *,
    url: Annotated[str | None, typer.Option(help="Where Slack reaches `--http`: https://…")] = None,
    many: Annotated[
        bool, typer.Option("--many", help="Many workspaces can install the app.")
    ] = False,
    org: Annotated[
        bool, typer.Option("--org", help="Organisations can install it as a whole.")
    ] = False,
) -> None:
    """Print the app's manifest, for Socket Mode or for a bot that Slack reaches at `--url`."""

    def run() -> None:
        from bot import manifests

        found = manifests.read(Path("manifest.yml"))
        if url is not None:
            found = manifests.over_http(found, url, many=many, org=org)
        elif many or org:
            raise ConfigurationError("Installations come over HTTP: say --url as well.")
        typer.echo(manifests.written(found), nl=False)

    sensible(run)


@cli.command()
def doctor(
    *,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say only what is wrong.")] = False,
    calls: Annotated[bool, typer.Option(help="Ask Slack and the model as well.")] = True,
) -> None:
    """Check settings, database, model, tokens and scopes: a line each; 1 if one is wrong."""

    def run() -> None:
        from bot.doctor import examine

        findings = asyncio.run(examine(calls=calls))
        for finding in findings:
            if not (quiet and finding.is_fine):
                typer.echo(f"{'✓' if finding.is_fine else '✗'} {finding.sentence}")
        if not all(finding.is_fine for finding in findings):
            sys.exit(1)

    sensible(run)
