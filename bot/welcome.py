"""What the local workspace's page says of the bot to somebody who tries it."""

from __future__ import annotations

from bot.localslack.welcome import Directive, Example, Welcome

HOW = (
    "Give the bot a task. It becomes a plan; once you approve it, workers carry it out, and the "
    "answer comes into the thread."
)
_EXAMPLES = (
    Example(
        "Compare and recommend",
        "Compare three open-source vector databases for a small team, then recommend one",
    ),
    Example(
        "Plan a launch",
        "Write a launch plan for a note-taking app: audience, channels, budget and risks",
    ),
    Example(
        "Say the steps yourself",
        "1. Collect the facts about heat pumps 2. Work out the costs for a small house "
        "3. Write a one-page summary",
    ),
)
_STEERED = (
    Example(
        "Watch it work",
        "Research the market for city bikes, analyse the competitors and draft a positioning "
        "#slow(2,5s)",
        "Subtask 2 takes five seconds",
    ),
    Example(
        "Be asked something",
        "Plan a two-day team offsite, estimate its costs and write the invitation #question(1)",
        "Subtask 1 needs an answer from you",
    ),
    Example(
        "See a failure handled",
        "Gather customer complaints, group them by cause, then suggest fixes #fail(2,3)",
        "Subtask 2 fails three times; retry it from the thread",
    ),
)
_UNSTEERED = (
    Example(
        "Look at a market",
        "Research the market for city bikes, analyse the competitors and draft a positioning",
    ),
    Example(
        "Plan an offsite",
        "Plan a two-day team offsite, estimate its costs and write the invitation",
    ),
    Example(
        "Learn from complaints",
        "Think of twenty complaints customers of a bank may have, group them by cause, then "
        "suggest fixes",
    ),
)
_DIRECTIVES = (
    Directive("#subtasks(6)", "The plan has 6 subtasks."),
    Directive("#slow(2,5s)", "Subtask 2 takes 5 seconds."),
    Directive("#fail(2)", "Subtask 2 fails always: a dead letter."),
    Directive("#fail(2,3)", "The first 3 attempts of subtask 2 fail; a retry succeeds."),
    Directive("#empty(1)", "The first attempt at subtask 1 brings nothing."),
    Directive("#invalid(1)", "The first attempt at subtask 1 is not what was asked for."),
    Directive("#question(1)", "Subtask 1 asks a person."),
    Directive("#replan", "The orchestrator adds to the plan when it sees the results."),
    Directive("#cycle", "The plan goes round in a circle, which the gate repairs."),
    Directive("#badplan", "Planning fails: you are asked to write the subtasks."),
)

CLAUDE = Welcome(how=HOW, examples=_EXAMPLES + _UNSTEERED)
OFFLINE = Welcome(
    how=HOW,
    notice="Answers are made up offline, without a model. Everything else is real.",
    remedy="To have Claude answer, end the program and start it again with your key:",
    command="ANTHROPIC_API_KEY=sk-ant-… make run",
    examples=_EXAMPLES + _STEERED,
    directives=_DIRECTIVES,
)
