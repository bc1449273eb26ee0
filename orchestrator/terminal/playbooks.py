"""The commands on playbooks."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from orchestrator import playbooks
from orchestrator.commands import RemovePlaybook, SavePlaybook
from orchestrator.errors import InvalidInput, NotFound
from orchestrator.orchestrator import Orchestrator
from orchestrator.settings import Settings
from orchestrator.terminal.codes import Code
from orchestrator.terminal.options import DatabaseUrl, Name, example, leave, settings_of
from orchestrator.terminal.person import actor
from orchestrator.terminal.screen import console
from orchestrator.terminal.view import TEAM, or_nothing, table_of
from orchestrator.terminal.work import tell

PlaybookName = Annotated[str, typer.Argument(metavar="NAME", help="The playbook's name.")]

app = typer.Typer()


@app.callback(invoke_without_command=True, epilog=example("playbooks"))
def list_all(context: typer.Context, *, database: DatabaseUrl = None) -> None:
    """List the plans that were kept for later, or show, save and remove one."""
    if context.invoked_subcommand is None:
        leave(_list(settings_of(database)))


@app.command(epilog=example("playbooks show company-check > playbooks/company-check.yml"))
def show(name: PlaybookName, *, database: DatabaseUrl = None) -> None:
    """Print a playbook as YAML, as a file of the folder ORCHESTRATOR_PLAYBOOKS has it."""
    leave(_show(name, settings_of(database)))


@app.command(epilog=example("playbooks save R-7F3K company-check"))
def save(
    run: Name,
    name: PlaybookName,
    *,
    description: Annotated[str, typer.Option(help="What it is good for.")] = "",
    database: DatabaseUrl = None,
) -> None:
    """Keep the plan of a run, for tasks that say `use playbook NAME`."""
    leave(
        tell(run, settings_of(database), lambda view: SavePlaybook(view.run.id, name, description))
    )


@app.command(epilog=example("playbooks remove company-check"))
def remove(name: PlaybookName, *, database: DatabaseUrl = None) -> None:
    """Remove a playbook that was saved; files are removed by hand."""
    leave(_remove(name, settings_of(database)))


async def _list(settings: Settings) -> int:
    async with Orchestrator.open(settings, works=False) as orchestrator:
        saved = await playbooks.saved(orchestrator.database, TEAM)
    table = table_of("Playbook", "From", "Parameters", "Description")
    for name, each in sorted((playbooks.load(settings.playbooks) | saved).items()):
        origin = "saved" if name in saved else "folder"
        table.add_row(name, origin, ", ".join(each.blanks), each.description)
    none = "No playbooks yet. Keep a run's plan: python -m orchestrator playbooks save RUN NAME"
    console(sys.stdout).print(or_nothing(table, none))
    return Code.COMPLETED


async def _show(name: str, settings: Settings) -> int:
    async with Orchestrator.open(settings, works=False) as orchestrator:
        known = await playbooks.all_of(orchestrator.database, TEAM, settings.playbooks)
    if name.lower() not in known:
        raise NotFound(
            f"There is no playbook {name}; `python -m orchestrator playbooks` lists them."
        )
    typer.echo(known[name.lower()].to_yaml(), nl=False)
    return Code.COMPLETED


async def _remove(name: str, settings: Settings) -> int:
    async with Orchestrator.open(settings, works=False) as orchestrator:
        saved = await playbooks.saved(orchestrator.database, TEAM)
        if name.lower() not in saved and name.lower() in playbooks.load(settings.playbooks):
            raise InvalidInput(f"{name} is a file in {settings.playbooks}: remove it there.")
        done = await orchestrator.do(RemovePlaybook(name.lower()), actor())
    typer.echo(done.sentence)
    return Code.COMPLETED
