import time
from datetime import timedelta

import pytest
from block_views import ASKED, HOSTILE, RUN, checked, done, hostile, labels, nodes, words

from bot.blocks import answer, markdown
from bot.view import AnswerView
from orchestrator.store.tables import RunStatus

CODE = "```python\n" + "\n".join(f"line_{n} = {n}" for n in range(200)) + "\n```"
TABLE = "| a | b |\n|---|---|\n" + "\n".join(f"| {n} | value {n} |" for n in range(150))
PROSE = "\n\n".join(f"Paragraph {n} says something worth reading." for n in range(60))


def shown(payload):
    return [block["text"] for block in payload.blocks if block["type"] == "markdown"]


def test_the_answer_mentions_the_requester_outside_of_the_markdown():
    payload = checked(answer.answer(done("## Result\n\nTake the third.")))

    assert payload.blocks[0]["text"]["text"] == "<@U111> Here is the answer of *R-7F3K*."
    assert shown(payload) == ["## Result\n\nTake the third."]
    assert answer.document(done("short")) is None


def test_the_footer_has_duration_tokens_cost_models_and_gaps():
    said = words(checked(answer.answer(done(gaps=1))).blocks)

    assert "⏱️ 2 min 5 s · 12,345 tokens · $0.0132 · claude-opus-5-5, claude-sonnet-5-5" in said
    assert "1 gap" in said


def test_an_offline_answer_is_marked():
    payload = checked(answer.answer(done(models=("offline",))))

    assert "offline: these are sample answers" in words(payload.blocks)


def test_the_answer_can_be_looked_into_and_judged():
    payload = checked(answer.answer(done()))

    assert labels(payload.blocks) == ["Details", "Timeline", "Run again", "Save as playbook"]
    thumbs = next(node for node in nodes(payload.blocks) if node.get("action_id") == "feedback")
    assert thumbs["positive_button"]["value"] == f"{RUN}:up"
    assert thumbs["negative_button"]["value"] == f"{RUN}:down"


def test_a_second_version_of_the_answer_says_so():
    payload = checked(answer.answer(done(answer=AnswerView(2, "Better."))))

    assert "Here is the new answer of *R-7F3K* (version 2)" in words(payload.blocks)


def test_an_answer_is_split_between_paragraphs_only():
    text = "\n\n".join([PROSE, CODE, TABLE, PROSE])
    parts = shown(checked(answer.answer(done(text))))

    assert len(parts) > 1
    assert "\n\n".join(parts) == text
    for part in parts:
        assert part.count("```") in (0, 2)
    assert sum(TABLE in part for part in parts) == 1


def test_what_does_not_fit_is_attached_and_its_beginning_shown():
    text = "\n\n".join([PROSE, CODE, TABLE] * 4)
    payload = checked(answer.answer(done(text)))

    assert answer.document(done(text)) == text
    assert "The whole answer is attached" in words(payload.blocks)
    assert shown(payload)[0].startswith("Paragraph 0")
    assert sum(map(len, shown(payload))) > 5_000


def test_a_fence_that_is_cut_is_closed():
    text = "```text\n" + "a line of output\n" * 2000 + "```"
    (part,) = shown(checked(answer.answer(done(text))))

    assert part.endswith("\n```")
    assert part.count("```") == 2


def test_one_endless_word_is_cut():
    parts = shown(checked(answer.answer(done("x" * 100_000))))

    assert 5_000 < len(parts[0]) <= answer.MOST_ANSWER


def test_code_and_comparisons_stay_readable():
    text = "If a < b and c > d then `x <T> y`:\n\n```html\n<div class='a'>&amp;</div>\n```"

    assert markdown.safe(text) == text.replace("a < b", "a &lt; b")


def test_links_keep_working():
    text = "See <https://x.example/a?b=1&c=2>, [this](https://y.example) and https://z.example."

    assert markdown.safe(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "<!channel>",
        "`<!channel>`",
        "```\n<!channel>\n```",
        "    <!channel>",
        "\\<!channel>",
        "\\\\<!channel>",
        "&#60;!channel>",
        "&#x3C;!channel>",
        "[<!channel>](https://x.example)",
        "<https://x.example|<!channel>>",
        "> <!here>\n- <@U999>\n  ```\n  <@U999>\n",
        "`` ` <!channel> ` ``",
        "| <!channel> |\n|---|\n| `<!channel>` |",
        "<div>\n```\n<!channel>\n```\n</div>",
    ],
)
def test_nothing_in_an_answer_can_notify(text):
    made = markdown.safe(text)

    assert "<!" not in made
    assert "<@" not in made
    assert "&#60;" not in made
    checked(answer.answer(done(text)))


def test_links_by_reference_are_not_torn_from_their_definition():
    text = "See [it][1].\n\nMore.\n\n[1]: https://x.example"

    assert markdown.pieces(text) == [text]


def test_an_empty_answer_says_so():
    assert "The answer is empty." in words(checked(answer.answer(done(" \x00 "))).blocks)


def test_an_answer_that_grows_too_long_by_being_made_safe_is_attached():
    text = "< " * 5_000
    payload = checked(answer.answer(done(text)))

    assert answer.document(done(text)) is not None
    assert sum(map(len, shown(payload))) <= answer.MOST_ANSWER


SCRIPTS = {
    "Japanese": "答えはここにあります。\n\n",
    "Arabic": "الجواب هنا.\n\n",
    "emoji": "🍏🍎 👩\u200d👩\u200d👧\n\n",
}


@pytest.mark.parametrize("words", SCRIPTS.values(), ids=SCRIPTS)
def test_an_answer_in_any_script_is_kept_in_bytes_and_attached_whole(words):
    long = (words * (11_000 // len(words))).rstrip()
    payload = checked(answer.answer(done(long)))
    said = "\n\n".join(shown(payload))

    assert 0.7 * answer.MOST_ANSWER < len(said.encode()) <= answer.MOST_ANSWER
    assert answer.document(done(long)) == long
    short = (words * 11_000).encode()[: answer.MOST_ANSWER - 100].decode(errors="ignore")
    assert answer.document(done(short)) is None


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_answer_is_only_text(text):
    checked(answer.answer(hostile(text, RunStatus.COMPLETED)))


@pytest.mark.parametrize("unit", ["`", "> ", "- ", "[", "*a ", "|\n", "``` ", "<", "\\<", "` `` "])
def test_broken_markdown_takes_no_long_time(unit):
    started = time.process_time()
    checked(answer.answer(done(unit * (100_000 // len(unit)))))

    assert time.process_time() - started < 3


def test_a_run_that_was_never_approved_by_hand_took_since_its_start():
    view = done(started_at=None, finished_at=ASKED + timedelta(seconds=30))

    assert "⏱️ 30 s" in words(answer.answer(view).blocks)
