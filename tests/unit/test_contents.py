"""The content of messages: text, blocks, attachments, forwarded messages and files."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.contents import Thread, author_of, content_of, note_in
from bot.markup import plain

NAMES = {"U0GRACE": "Grace Hopper", "C0GEN": "general"}


def read(message):
    return plain(content_of(message).everything, NAMES)


def rich(*elements):
    return {"type": "rich_text", "elements": list(elements)}


def section(*elements):
    return {"type": "rich_text_section", "elements": list(elements)}


def text(value, **style):
    return {"type": "text", "text": value, **({"style": style} if style else {})}


def test_rich_text_reads_as_it_was_typed():
    message = {
        "text": "something shorter",
        "blocks": [
            rich(
                section(
                    text("Ask "),
                    {"type": "user", "user_id": "U0GRACE"},
                    text(" in "),
                    {"type": "channel", "channel_id": "C0GEN"},
                    text(" about <b> & "),
                    text("this", bold=True),
                    text(" "),
                    {"type": "link", "url": "https://x.y/a", "text": "page"},
                    {"type": "emoji", "name": "tada", "unicode": "1f389"},
                    text(":\n"),
                ),
                {
                    "type": "rich_text_list",
                    "style": "ordered",
                    "indent": 0,
                    "offset": 2,
                    "elements": [section(text("apples")), section(text("pears"))],
                },
                {"type": "rich_text_quote", "elements": [text("one\ntwo")]},
                {"type": "rich_text_preformatted", "elements": [text("x = 1", bold=True)]},
            )
        ],
    }
    assert read(message) == (
        "something shorter\n"
        "Ask @Grace Hopper in #general about <b> & *this* page (https://x.y/a)🎉:\n"
        "3. apples\n4. pears\n> one\n> two\n```\nx = 1\n```"
    )


def test_text_that_is_the_fallback_of_the_blocks_is_not_said_twice():
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": "CPU of db-3 is high"}},
        {"type": "section", "text": {"type": "mrkdwn", "text": "*98 %* for &gt; 10 min"}},
    ]
    message = {"text": "CPU of db-3 is high", "blocks": blocks}
    assert read(message) == "CPU of db-3 is high\n*98 %* for > 10 min"


def test_text_that_says_more_than_the_blocks_is_read():
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "Deployed"}}]
    assert read({"text": "Deployed: 14 services in eu-west", "blocks": blocks}) == (
        "Deployed: 14 services in eu-west"
    )
    assert (
        read({"text": "Rollback of billing", "blocks": blocks}) == "Rollback of billing\nDeployed"
    )


@pytest.mark.parametrize(
    ("block", "said"),
    [
        (
            {
                "type": "section",
                "fields": [{"type": "mrkdwn", "text": "*Host*\ndb-3"}],
                "accessory": {
                    "type": "button",
                    "url": "https://g.example/d/1",
                    "text": {"type": "plain_text", "text": "Open"},
                },
            },
            "*Host*\ndb-3\nOpen (https://g.example/d/1)",
        ),
        (
            {
                "type": "context",
                "elements": [
                    {"type": "image", "image_url": "https://x", "alt_text": "logo"},
                    {"type": "mrkdwn", "text": "from <@U0GRACE>"},
                ],
            },
            "[image: logo] from @Grace Hopper",
        ),
        ({"type": "markdown", "text": "# Title\na &amp; b"}, "# Title\na & b"),
        (
            {
                "type": "table",
                "rows": [
                    [{"type": "raw_text", "text": "a"}, {"type": "raw_text", "text": "b"}],
                    [rich(section(text("1"))), {"type": "raw_text", "text": ""}],
                ],
            },
            "a | b\n1 | –",
        ),
        (
            {
                "type": "plan",
                "title": "Plan",
                "tasks": [
                    {
                        "type": "task_card",
                        "title": "Look",
                        "status": "complete",
                        "output": rich(section(text("found"))),
                        "sources": [{"type": "url", "url": "https://x.y", "text": "X"}],
                    }
                ],
            },
            "Plan\n- Look (complete)\nfound\nX (https://x.y)",
        ),
        ({"type": "alert", "text": {"type": "mrkdwn", "text": "Careful"}}, "Careful"),
        (
            {"type": "card", "title": {"type": "mrkdwn", "text": "T"}, "body": {"text": "B"}},
            "T\nB",
        ),
        (
            {"type": "call", "call": {"v1": {"name": "Standup", "join_url": "https://z/1"}}},
            "[Standup (https://z/1)]",
        ),
        (
            {"type": "from_the_future", "parts": [{"deep": {"text": "words"}}, {"label": "more"}]},
            "words\nmore",
        ),
        ({"type": "divider"}, ""),
        (
            {
                "type": "data_table",
                "caption": "Fruit",
                "rows": [[{"type": "raw_text", "text": "n"}], [{"type": "raw_number", "value": 3}]],
            },
            "Fruit\nn\n3",
        ),
        (
            {
                "type": "data_visualization",
                "title": "Sold",
                "chart": {"type": "pie", "segments": [{"label": "Pears", "value": 4}]},
            },
            "Sold\nPears: 4",
        ),
        (
            {
                "type": "layout",
                "rows": [{"items": [{"blocks": [{"type": "markdown", "text": "in a grid"}]}]}],
                "fallback": [{"type": "markdown", "text": "for old clients"}],
            },
            "in a grid",
        ),
        (
            {
                "type": "actions",
                "elements": [{"type": "static_select", "placeholder": {"text": "Pick one"}}],
            },
            "",
        ),
    ],
)
def test_every_block_that_carries_words_is_read(block, said):
    assert read({"text": "", "blocks": [block]}) == said


def test_an_alert_is_read_from_its_attachments():
    message = {
        "subtype": "bot_message",
        "username": "Grafana",
        "text": "",
        "attachments": [
            {
                "fallback": "[FIRING:1] DiskFull",
                "title": "[FIRING:1] DiskFull",
                "title_link": "https://g.example/a?x=1&amp;y=2",
                "text": "disk of `db-3` at 97 %",
                "fields": [{"title": "severity", "value": "page", "short": True}],
                "footer": "Grafana v11",
            }
        ],
    }
    assert read(message) == (
        "[FIRING:1] DiskFull (https://g.example/a?x=1&y=2)\ndisk of `db-3` at 97 %\n"
        "severity: page\nGrafana v11"
    )
    assert author_of(message) == "Grafana (app)"


def test_the_fallback_is_read_where_an_attachment_has_nothing_else():
    assert read({"attachments": [{"fallback": "Build 7 failed"}]}) == "Build 7 failed"
    assert read({"attachments": [{"fallback": "[no preview available]"}]}) == ""


FORWARDED = {
    "is_share": True,
    "author_id": "U0GRACE",
    "author_name": "grace",
    "channel_id": "C0GEN",
    "ts": "1764385200.000100",
    "text": "How much is it?",
    "fallback": "[November 29th] grace: How much is it?",
    "files": [{"id": "F1", "name": "offer.pdf", "mimetype": "application/pdf", "size": 9}],
    "message_blocks": [
        {"team": "T", "message": {"blocks": [rich(section(text("How much is it?\nTell me")))]}}
    ],
}


def test_a_forwarded_message_has_its_author_channel_text_and_files():
    content = content_of({"text": "answer this", "attachments": [FORWARDED]})
    assert plain(content.said, NAMES) == (
        "answer this\n\n"
        "[Forwarded message from @Grace Hopper in #general, 2025-11-29 03:00 UTC]\n"
        "> How much is it?\n> Tell me\n> [file: offer.pdf]"
    )
    assert [(file.source, file.name) for file in content.files] == [("F1", "offer.pdf")]


def test_a_forwarded_message_is_read_however_it_is_wrapped():
    bare = [{"type": "section", "text": {"type": "mrkdwn", "text": "only in blocks"}}]
    assert "> only in blocks" in read({"attachments": [{"is_share": True, "message_blocks": bare}]})
    inner = {"author_id": "U0GRACE", "title": "Report", "text": "All well", "fallback": "All well"}
    said = read({"attachments": [{"is_share": True, "message": inner}]})
    assert said == "[Forwarded message from @Grace Hopper]\n> Report\n> All well"
    chart = {"id": "F2", "name": "chart.png", "mimetype": "image/png"}
    wrapped = {"is_share": True, "message_blocks": [{"message": {"files": [chart]}}]}
    assert [file.name for file in content_of({"attachments": [wrapped]}).files] == ["chart.png"]


def test_a_forwarded_message_that_slack_does_not_show_is_told_of():
    said = read({"text": "see", "attachments": [{"is_share": True, "author_name": "Alice"}]})
    assert said == "see\n\n[Forwarded message from Alice]\n> (nothing that can be read here)"


def test_of_two_descriptions_of_a_file_the_fuller_is_taken():
    stub, full = {"id": "F1"}, {"id": "F1", "name": "a.csv", "mimetype": "text/csv"}
    for first, second in ((stub, full), (full, stub)):
        message = {"files": [first], "attachments": [{"is_share": True, "files": [second]}]}
        assert [file.name for file in content_of(message).files] == ["a.csv"]


def test_previews_of_links_are_no_part_of_what_was_said():
    preview = {
        "from_url": "https://x.y",
        "title": "X",
        "title_link": "https://x.y",
        "text": "Words",
    }
    content = content_of({"text": "read <https://x.y>", "attachments": [preview]})
    assert plain(content.said, {}) == "read https://x.y"
    assert plain(content.everything, {}) == "read https://x.y\n\nX (https://x.y)\nWords"


def test_a_file_without_a_name_has_its_id_and_no_file_is_there_twice():
    files = [{"id": "F1", "file_access": "check_file_info"}, {"id": "F1"}, {"name": "no id"}]
    assert [file.source for file in content_of({"files": files}).files] == ["F1"]


def test_the_author_of_what_an_app_posted_for_a_person_is_the_person():
    app = {"user": "U0GRACE", "bot_id": "B1", "bot_profile": {"name": "Some app"}}
    assert plain((author_of(app),), NAMES) == "@Grace Hopper"
    assert author_of({"bot_id": "B1", "bot_profile": {"name": "CI"}}) == "CI (app)"
    assert author_of({}) == "An app (app)"


KEYS = st.sampled_from(
    [
        "type",
        "text",
        "blocks",
        "attachments",
        "elements",
        "fields",
        "accessory",
        "rows",
        "files",
        "file",
        "message_blocks",
        "message",
        "is_share",
        "author_id",
        "channel_id",
        "ts",
        "style",
        "indent",
        "offset",
        "unicode",
        "name",
        "title",
        "url",
        "user_id",
        "range",
        "timestamp",
        "fallback",
        "title_link",
        "tasks",
        "sources",
        "call",
        "v1",
        "id",
        "size",
        "subtype",
        "bot_profile",
        "from_url",
        "mrkdwn_in",
        "actions",
        "body",
    ]
)
TYPES = st.sampled_from(
    [
        "rich_text",
        "rich_text_section",
        "rich_text_list",
        "rich_text_quote",
        "rich_text_preformatted",
        "section",
        "header",
        "context",
        "actions",
        "button",
        "table",
        "image",
        "video",
        "card",
        "plan",
        "task_card",
        "call",
        "file",
        "mrkdwn",
        "plain_text",
        "text",
        "link",
        "user",
        "date",
        "emoji",
        "broadcast",
        "unknown",
    ]
)
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), TYPES
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=40,
)


@given(st.dictionaries(KEYS, JSON, max_size=8))
def test_any_json_gives_words_or_nothing(message):
    content = content_of(message)
    assert isinstance(plain(content.everything, {}), str)
    assert isinstance(plain((author_of(message),), {}), str)


@given(JSON)
def test_what_is_no_message_at_all_says_nothing_wrong(value):
    content_of(value)
    content_of({"blocks": value, "attachments": value, "files": value})


def test_a_message_in_a_message_without_end_is_read_so_far():
    message = {"text": "deepest"}
    for _ in range(100):
        message = {"text": "x", "attachments": [{**message, "is_share": True}]}
    assert "deepest" not in read(message)


def test_what_is_missing_of_a_thread_is_told_to_models_and_people():
    thread = Thread(({"ts": "1.0"},) * 401, left_out=638)
    assert "638 of its 1,039 messages were left out" in thread.note()
    assert "638 of its 1,039 messages are not" in note_in(f"{thread.note()}\nAda: hello")
    assert "could not read this thread" in note_in(Thread(is_read=False).note())
    assert Thread(({"ts": "1.0"},)).note() == note_in("Ada: [Thread: it could not be]") == ""
