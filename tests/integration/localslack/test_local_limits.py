"""Slack's limits, without a server: each row is refused for the reason given."""

from __future__ import annotations

import pytest
from slack_sdk.models import blocks as sdk

from bot.localslack import limits
from bot.localslack.errors import ApiError
from bot.localslack.rates import POST, TIER_3, Rate, Rates


def plain(words):
    return {"type": "plain_text", "text": words}


def mrkdwn(words):
    return {"type": "mrkdwn", "text": words}


def section(words="x", **more):
    return {"type": "section", "text": mrkdwn(words)} | more


def button(label="Go", action_id="go", **more):
    return {"type": "button", "action_id": action_id, "text": plain(label)} | more


def actions(*elements, **more):
    return {"type": "actions", "elements": list(elements)} | more


def rich(*elements):
    return {"type": "rich_text", "elements": list(elements)}


def rich_section(*parts):
    return {"type": "rich_text_section", "elements": list(parts)}


def words(value="x", **more):
    return {"type": "text", "text": value} | more


def task(number, **more):
    return {
        "type": "task_card",
        "task_id": f"t{number}",
        "title": "Task",
        "status": "pending",
    } | more


def plan(*tasks):
    return {"type": "plan", "title": "Plan", "tasks": list(tasks)}


def option(number, value=None):
    return {"text": plain(f"Option {number}"), "value": value or str(number)}


def select(*options, **more):
    return {"type": "static_select", "action_id": "s", "options": list(options)} | more


def table(rows):
    return {"type": "table", "rows": rows}


def cell(value="x"):
    return {"type": "raw_text", "text": value}


def data_table(rows):
    return {"type": "data_table", "caption": "Numbers", "rows": rows}


def chart(*segments):
    return {
        "type": "data_visualization",
        "title": "Shares",
        "chart": {"type": "pie", "segments": list(segments)},
    }


VIDEO = {
    "type": "video",
    "title": plain("A film"),
    "alt_text": "A film",
    "thumbnail_url": "https://x.org/a.png",
    "video_url": "https://x.org/a",
}
CONFIRM = {
    "title": plain("Sure?"),
    "text": plain("Really"),
    "confirm": plain("Yes"),
    "deny": plain("No"),
}
INPUT = {
    "type": "input",
    "block_id": "i",
    "label": plain("Label"),
    "element": {"type": "plain_text_input", "action_id": "a"},
}

WRONG_BLOCKS = {
    "too_many_blocks": ([{"type": "divider"}] * 51, "no more than 50 items", "/blocks"),
    "unknown_block": ([{"type": "poem"}], "unsupported type: poem", "/blocks/0/type"),
    "unknown_property": ([section(colour="red")], "additional property: colour", "/blocks/0"),
    "not_an_object": (["x"], "must be an object", "/blocks/0"),
    "same_block_id": (
        [section(block_id="a"), section(block_id="a")],
        "already exists",
        "/blocks/1/block_id",
    ),
    "same_action_id": ([actions(button(), button())], "already exists", "/blocks/0/elements"),
    "long_block_id": ([section(block_id="x" * 256)], "less than 256", "/blocks/0/block_id"),
    "long_action_id": (
        [actions(button(action_id="x" * 256))],
        "less than 256",
        "/blocks/0/elements/0/action_id",
    ),
    "long_section": ([section("x" * 3001)], "less than 3001", "/blocks/0/text/text"),
    "empty_section": ([section("")], "more than 0", "/blocks/0/text/text"),
    "section_without_text": ([{"type": "section"}], "must define either", "/blocks/0"),
    "too_many_fields": (
        [{"type": "section", "fields": [mrkdwn("x")] * 11}],
        "no more than 10",
        "/blocks/0/fields",
    ),
    "long_field": (
        [{"type": "section", "fields": [mrkdwn("x" * 2001)]}],
        "less than 2001",
        "/blocks/0/fields/0/text",
    ),
    "long_header": (
        [{"type": "header", "text": plain("x" * 151)}],
        "less than 151",
        "/blocks/0/text/text",
    ),
    "header_in_mrkdwn": (
        [{"type": "header", "text": mrkdwn("x")}],
        "must be one of: plain_text",
        "/blocks/0/text/type",
    ),
    "long_button": (
        [actions(button("x" * 76))],
        "less than 76",
        "/blocks/0/elements/0/text/text",
    ),
    "button_in_mrkdwn": (
        [actions(button() | {"text": mrkdwn("x")})],
        "plain_text",
        "/blocks/0/elements/0/text/type",
    ),
    "long_value": (
        [actions(button(value="x" * 2001))],
        "less than 2001",
        "/blocks/0/elements/0/value",
    ),
    "odd_style": ([actions(button(style="green"))], "allowed values", "/blocks/0/elements/0/style"),
    "confirm_without_text": (
        [actions(button(confirm={k: v for k, v in CONFIRM.items() if k != "text"}))],
        "missing required field: text",
        "/blocks/0/elements/0/confirm",
    ),
    "long_confirm_title": (
        [actions(button(confirm=CONFIRM | {"title": plain("x" * 101)}))],
        "less than 101",
        "/blocks/0/elements/0/confirm/title/text",
    ),
    "long_confirm_text": (
        [actions(button(confirm=CONFIRM | {"text": plain("x" * 301)}))],
        "less than 301",
        "/blocks/0/elements/0/confirm/text/text",
    ),
    "too_many_elements": (
        [actions(*[button(action_id=str(n)) for n in range(26)])],
        "no more than 25",
        "/blocks/0/elements",
    ),
    "no_elements": ([actions()], "at least 1", "/blocks/0/elements"),
    "too_many_in_context": (
        [{"type": "context", "elements": [mrkdwn("x")] * 11}],
        "no more than 10",
        "/blocks/0/elements",
    ),
    "button_in_context": (
        [{"type": "context", "elements": [button()]}],
        "must be one of",
        "/blocks/0/elements/0/type",
    ),
    "too_many_options": (
        [actions(select(*map(option, range(101))))],
        "no more than 100",
        "/blocks/0/elements/0/options",
    ),
    "no_options": ([actions(select())], "at least 1", "/blocks/0/elements/0/options"),
    "long_option": (
        [actions(select({"text": plain("x" * 76), "value": "1"}))],
        "less than 76",
        "/blocks/0/elements/0/options/0/text/text",
    ),
    "long_option_value": (
        [actions(select(option(1, "x" * 151)))],
        "less than 151",
        "/blocks/0/elements/0/options/0/value",
    ),
    "initial_option_of_another_list": (
        [actions(select(option(1), initial_option=option(2)))],
        "one of the given options",
        "/blocks/0/elements/0/initial_option",
    ),
    "overflow_of_six": (
        [actions({"type": "overflow", "options": [option(n) for n in range(6)]})],
        "no more than 5",
        "/blocks/0/elements/0/options",
    ),
    "multi_select_in_actions": (
        [actions(select(option(1), type="multi_static_select"))],
        "not allowed in actions",
        "/blocks/0/elements/0/type",
    ),
    "image_without_alt_text": (
        [{"type": "image", "image_url": "https://x.org/a.png"}],
        "missing required field: alt_text",
        "/blocks/0",
    ),
    "input_in_a_message": ([INPUT], "not allowed in a message", "/blocks/0/type"),
    "too_much_markdown": (
        [{"type": "markdown", "text": "x" * 6001}] * 2,
        "at most 12000",
        "/blocks/0",
    ),
    "too_many_tasks": ([plan(*map(task, range(51)))], "no more than 50", "/blocks/0/tasks"),
    "same_task_id": ([plan(task(1), task(1))], "already exists", "/blocks/0/tasks/1/task_id"),
    "odd_status": ([plan(task(1, status="ready"))], "allowed", "/blocks/0/tasks/0/status"),
    "plan_with_a_task_card_beside_it": (
        [plan(task(1)), task(2)],
        "exclude each other",
        "/blocks/1/type",
    ),
    "task_details_in_plain_text": (
        [plan(task(1, details=plain("x")))],
        "must be a rich_text",
        "/blocks/0/tasks/0/details/type",
    ),
    "task_details_of_two_parts": (
        [plan(task(1, details=rich(rich_section(words()), rich_section(words()))))],
        "exactly 1",
        "/blocks/0/tasks/0/details/elements",
    ),
    "plan_without_title": ([{"type": "plan"}], "missing required field: title", "/blocks/0"),
    "table_too_long": ([table([[cell()]] * 101)], "no more than 100", "/blocks/0/rows"),
    "table_too_wide": ([table([[cell()] * 21])], "no more than 20", "/blocks/0/rows/0"),
    "two_tables": ([table([[cell()]])] * 2, "only_one_table_allowed", "/blocks/0/type"),
    "empty_rich_text": (
        [rich(rich_section(words("")))],
        "more than 0",
        "/blocks/0/elements/0/elements/0/text",
    ),
    "unknown_rich_text": (
        [rich({"type": "rich_text_poem"})],
        "unsupported type: rich_text_poem",
        "/blocks/0/elements/0/type",
    ),
    "list_of_texts": (
        [rich({"type": "rich_text_list", "style": "bullet", "elements": [words()]})],
        "rich_text_section only",
        "/blocks/0/elements/0/elements/0/type",
    ),
    "list_without_style": (
        [rich({"type": "rich_text_list", "elements": [rich_section(words())]})],
        "missing required field: style",
        "/blocks/0/elements/0",
    ),
    "mention_in_code": (
        [rich({"type": "rich_text_preformatted", "elements": [{"type": "user", "user_id": "U"}]})],
        "unsupported type: user",
        "/blocks/0/elements/0/elements/0/type",
    ),
    "link_without_scheme": (
        [rich(rich_section({"type": "link", "url": "example.com"}))],
        "invalid url",
        "/blocks/0/elements/0/elements/0/url",
    ),
    "button_without_scheme": (
        [actions(button(url="example.com/a"))],
        "invalid url",
        "/blocks/0/elements/0/url",
    ),
    "image_without_scheme": (
        [{"type": "image", "image_url": "x.org/a.png", "alt_text": "A"}],
        "invalid url",
        "/blocks/0/image_url",
    ),
    "another_block_in_a_plan": (
        [plan(section())],
        "a plan holds task_card only",
        "/blocks/0/tasks/0/type",
    ),
    "data_table_of_its_head": (
        [data_table([[cell()]])],
        "at least 2",
        "/blocks/0/rows",
    ),
    "data_table_with_holes": (
        [data_table([[cell(), cell()], [cell()]])],
        "same number of cells",
        "/blocks/0/rows",
    ),
    "data_table_with_rich_head": (
        [data_table([[rich(rich_section(words()))], [cell()]])],
        "not allowed in the header",
        "/blocks/0/rows/0/0",
    ),
    "chart_of_seven": (
        [chart(*[{"label": str(n), "value": n} for n in range(7)])],
        "no more than 6",
        "/blocks/0/chart/segments",
    ),
    "bars_without_axes": (
        [{**chart(), "chart": {"type": "bar", "series": [{"name": "A", "data": []}]}}],
        "missing required field: axis_config",
        "/blocks/0/chart",
    ),
    "three_charts": (
        [chart({"label": "A", "value": 1})] * 3,
        "no more than 2",
        "/blocks/2/type",
    ),
    "video_without_address": (
        [{name: value for name, value in VIDEO.items() if name != "video_url"}],
        "missing required field: video_url",
        "/blocks/0",
    ),
    "odd_text_style": (
        [rich(rich_section(words(style={"loud": True})))],
        "additional property: loud",
        "/blocks/0/elements/0/elements/0/style",
    ),
}


@pytest.mark.parametrize("name", WRONG_BLOCKS)
def test_blocks_slack_would_not_take_are_refused_with_the_place(name):
    blocks, message, pointer = WRONG_BLOCKS[name]
    with pytest.raises(ApiError) as caught:
        limits.check_message("text", blocks, None)
    assert caught.value.code == "invalid_blocks"
    assert any(
        problem.startswith("[ERROR] ")
        and message in problem
        and problem.endswith(f"[json-pointer:{pointer}]")
        for problem in caught.value.problems
    ), caught.value.problems


def test_blocks_of_the_library_pass():
    details = sdk.RichTextBlock(elements=[rich_section(words("Read"), words(" it"))])
    tasks = [sdk.TaskCardBlock(task_id="1", title="One", details=details, status="complete")]
    made = [
        sdk.HeaderBlock(text="Plan"),
        sdk.SectionBlock(text="*Goal*", accessory=sdk.ButtonElement(text="Go", action_id="go")),
        sdk.DividerBlock(),
        sdk.ContextBlock(elements=[sdk.MarkdownTextObject(text="small")]),
        sdk.PlanBlock(title="Plan", tasks=tasks, block_id="plan"),
        sdk.MarkdownBlock(text="**bold**"),
        sdk.ActionsBlock(
            elements=[
                sdk.ButtonElement(
                    text="Stop",
                    action_id="stop",
                    style="danger",
                    confirm=sdk.ConfirmObject(title="Sure?", text="Stop it", confirm="Stop"),
                ),
                sdk.StaticSelectElement(
                    action_id="role",
                    placeholder="Role",
                    options=[sdk.Option(value="w", label="Writer")],
                ),
                sdk.OverflowMenuElement(
                    action_id="more", options=[sdk.Option(value="a", label="Again")] * 2
                ),
            ]
        ),
        sdk.ContextActionsBlock(
            elements=[
                sdk.FeedbackButtonsElement(
                    action_id="feedback",
                    positive_button=sdk.FeedbackButtonObject(text="Good", value="+"),
                    negative_button=sdk.FeedbackButtonObject(text="Bad", value="-"),
                )
            ]
        ),
        sdk.TableBlock(rows=[[cell("a"), {"type": "raw_number", "value": 1}]]),
        sdk.RichTextBlock(
            elements=[
                {
                    "type": "rich_text_list",
                    "style": "ordered",
                    "elements": [rich_section({"type": "emoji", "name": "eyes"})],
                },
                {"type": "rich_text_preformatted", "elements": [words("code")]},
                rich_section(
                    {"type": "date", "timestamp": 1_700_000_000, "format": "{time}"},
                    {"type": "link", "url": "https://x.org"},
                ),
            ]
        ),
    ]
    limits.check_message("Plan", [block.to_dict() for block in made], None)


@pytest.mark.parametrize(
    "block",
    [
        # The plan of docs.slack.dev/reference/block-kit/blocks/plan-block: tasks without a type.
        {
            "type": "plan",
            "title": "Thinking completed",
            "tasks": [{"task_id": "1", "title": "Fetched", "status": "complete"}],
        },
        {"type": "task_card", "task_id": "1", "title": "Without a status"},
        {**table([[cell(), cell()]]), "column_settings": [None, {"align": "right"}]},
        data_table([[cell("Name")], [{"type": "raw_number", "value": 1}]]),
        chart({"label": "A", "value": 1}),
        {"type": "file", "external_id": "ABC", "source": "remote"},
        VIDEO,
        actions(button(url="mailto:ada@example.com")),
    ],
)
def test_what_slack_takes_is_taken(block):
    limits.check_message("text", [block], None)


def test_many_short_blocks_fit_where_one_long_markdown_does():
    limits.check_message("text", [section("x" * 191)] * 50, None)
    with pytest.raises(ApiError, match="msg_blocks_too_long"):
        limits.check_message("text", [section("x" * 227)] * 50, None)


def test_a_message_needs_something_in_it():
    with pytest.raises(ApiError, match="no_text"):
        limits.check_message("", [], None)


def test_a_message_takes_a_hundred_attachments():
    with pytest.raises(ApiError, match="too_many_attachments"):
        limits.check_message("", None, [{"text": "x"}] * 101)


@pytest.mark.parametrize(
    "blocks",
    [
        [section("x" * 3000)] * 5,
        [{"type": "markdown", "text": "x" * 12_000}, section("x" * 1200)],
    ],
)
def test_all_blocks_together_have_a_limit(blocks):
    with pytest.raises(ApiError, match="msg_blocks_too_long"):
        limits.check_message("text", blocks, None)


def test_a_long_answer_with_its_footer_still_fits():
    answer = [{"type": "markdown", "text": "x" * 12_000}, section("footer"), actions(button())]
    limits.check_message("text", answer, None)


def test_a_long_text_is_cut_when_posted_and_refused_when_updated():
    assert len(limits.cut_text("x" * 50_000)) == 40_000
    with pytest.raises(ApiError, match="msg_too_long"):
        limits.check_updated_text("x" * 4001)


def modal(**more):
    return {"type": "modal", "title": plain("Title"), "blocks": [section()]} | more


WRONG_MODALS = {
    "long_title": (modal(title=plain("x" * 25)), "less than 25", "/view/title/text"),
    "long_submit": (modal(submit=plain("x" * 25)), "less than 25", "/view/submit/text"),
    "long_close": (modal(close=plain("x" * 25)), "less than 25", "/view/close/text"),
    "no_title": ({"type": "modal", "blocks": []}, "missing required field: title", "/view"),
    "long_metadata": (
        modal(private_metadata="x" * 3001),
        "less than 3001",
        "/view/private_metadata",
    ),
    "no_submit": (modal(blocks=[INPUT]), "`submit` is required", "/view"),
    "too_many_blocks": (modal(blocks=[section()] * 101), "no more than 100", "/view/blocks"),
    "plan": (modal(blocks=[plan(task(1))]), "not allowed in a modal", "/view/blocks/0/type"),
    "task_card": (modal(blocks=[task(1)]), "not allowed in a modal", "/view/blocks/0/type"),
    "markdown": (
        modal(blocks=[{"type": "markdown", "text": "x"}]),
        "not allowed in a modal",
        "/view/blocks/0/type",
    ),
    "table": (modal(blocks=[table([[cell()]])]), "not allowed in a modal", "/view/blocks/0/type"),
    "long_initial_value": (
        modal(
            submit=plain("Save"),
            blocks=[INPUT | {"element": INPUT["element"] | {"initial_value": "x" * 3001}}],
        ),
        "less than 3001",
        "/view/blocks/0/element/initial_value",
    ),
    "least_above_most": (
        modal(
            submit=plain("Save"),
            blocks=[
                INPUT
                | {
                    "element": {
                        "type": "number_input",
                        "action_id": "a",
                        "is_decimal_allowed": True,
                        "min_value": "10",
                        "max_value": "9.5",
                    }
                }
            ],
        ),
        "greater than max_value",
        "/view/blocks/0/element/min_value",
    ),
    "two_in_focus": (
        modal(
            submit=plain("Save"),
            blocks=[
                INPUT | {"block_id": n, "element": INPUT["element"] | {"focus_on_load": True}}
                for n in "ab"
            ],
        ),
        "focus_on_load",
        "/view/blocks",
    ),
}


@pytest.mark.parametrize("name", WRONG_MODALS)
def test_modals_slack_would_not_open_are_refused_with_the_place(name):
    view, message, pointer = WRONG_MODALS[name]
    with pytest.raises(ApiError) as caught:
        limits.check_modal(view)
    assert caught.value.code == "invalid_arguments"
    assert any(
        message in problem and problem.endswith(f"[json-pointer:{pointer}]")
        for problem in caught.value.problems
    ), caught.value.problems


def test_a_view_may_not_be_too_large():
    with pytest.raises(ApiError, match="view_too_large"):
        limits.check_modal(modal(blocks=[section("x" * 3000)] * 90))


def test_a_home_tab_takes_inputs_and_no_markdown():
    limits.check_home({"type": "home", "blocks": [section(), actions(button()), INPUT]})
    with pytest.raises(ApiError, match="not allowed in a home"):
        limits.check_home({"type": "home", "blocks": [{"type": "markdown", "text": "x"}]})


def test_a_rate_is_a_burst_and_then_so_many_a_minute():
    now = [0.0]
    rates = Rates(lambda: now[0])
    for _ in range(50):
        rates.take("chat.update", TIER_3)
    with pytest.raises(ApiError) as caught:
        rates.take("chat.update", TIER_3)
    assert (caught.value.code, caught.value.retry_after_s) == ("ratelimited", 2)
    now[0] += 2
    rates.take("chat.update", TIER_3)
    rates.set("chat.update", Rate(6, 1))
    rates.take("chat.update", TIER_3)
    with pytest.raises(ApiError) as caught:
        rates.take("chat.update", TIER_3)
    assert caught.value.retry_after_s == 10


def test_posts_are_limited_in_a_channel_and_in_a_workspace():
    now = [0.0]
    rates = Rates(lambda: now[0])
    for number in range(300):
        rates.take("chat.postMessage", POST, f"C{number}", "B1")
    with pytest.raises(ApiError, match="ratelimited"):
        rates.take("chat.postMessage", POST, "C300", "B1")
    rates.take("chat.postMessage", POST, "C300", "B2")
    now[0] += 0.2
    rates.take("chat.postMessage", POST, "C300", "B1")


def test_outside_the_marketplace_conversations_are_read_once_a_minute():
    now = [0.0]
    rates = Rates(lambda: now[0])
    rates.outside_marketplace = True
    assert rates.most_messages == 15
    rates.take("conversations.replies", TIER_3)
    rates.take("conversations.history", TIER_3)
    with pytest.raises(ApiError) as caught:
        rates.take("conversations.replies", TIER_3)
    assert caught.value.retry_after_s == 60
    rates.take("conversations.info", TIER_3)
    rates.outside_marketplace = False
    rates.take("conversations.replies", TIER_3)
