"""What `/runs` was asked for, as conditions."""

import pytest
from sqlalchemy.dialects import sqlite
from sqlmodel import and_

from bot.history import conditions, title
from orchestrator.commands import Actor

ADA = Actor("T1", "U1")


def sql(query, channels=("C1",)):
    compiled = and_(*conditions(query, ADA, channels)).compile(
        dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True}
    )
    return " ".join(str(compiled).split())


@pytest.mark.parametrize("query", ["", "all", "running", "x", "<#C2|research>"])
def test_it_is_always_this_team_and_what_this_person_may_see(query):
    assert "run.team_id = 'T1'" in sql(query)
    assert "(run.requester = 'U1' OR run.channel IN ('C1'))" in sql(query)


def test_without_words_it_is_ones_own_and_with_all_everybodys():
    assert sql("").count("requester = 'U1'") == 2
    assert sql("all").count("requester = 'U1'") == 1


@pytest.mark.parametrize(
    ("query", "condition"),
    [
        ("running", "run.status IN ('"),
        ("failed", "run.status IN ('failed', 'stopped', 'expired')"),
        ("dead", "run.id IN (SELECT request.run_id"),
        ("<#C2|research>", "run.channel = 'C2'"),
        ("<#C2>", "run.channel = 'C2'"),
        ("Apples", "lower(run.task) LIKE lower('%Apples%') ESCAPE '\\'"),
    ],
)
def test_each_word_is_a_condition(query, condition):
    assert condition in sql(query)
    assert condition in sql(f"all {query}")


def test_words_are_taken_literally():
    assert r"'%100\%%'" in sql("100%")
    assert r"'%a\_b%'" in sql("a_b")
    assert r"'%a\\b%'" in sql("a\\b")


@pytest.mark.parametrize(
    ("query", "expected"),
    [("", "Your runs"), ("all", "All runs"), ("  dead  apples ", "Runs: dead apples")],
)
def test_the_list_is_called_after_what_was_asked_for(query, expected):
    assert title(query) == expected
