"""What MCP servers offer and answer, as ours."""

from base64 import b64encode

import pytest
from mcp.types import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
    TextResourceContents,
    Tool,
    ToolAnnotations,
)

from orchestrator.tools.configuration import ServerConfig
from orchestrator.tools.translate import (
    MAX_DESCRIPTION_CHARS,
    MAX_FILE_BYTES,
    MAX_FILES,
    MAX_TOOLS,
    listing_of,
    result_of,
)

PLAIN = {"type": "object", "properties": {}}


def tool(name="find", schema=PLAIN, **fields):
    return Tool(name=name, input_schema=schema, **fields)


def listing(*tools, **config):
    return listing_of("tickets", ServerConfig(command="x", **config), tools)


def result(*blocks, **fields):
    return result_of(
        CallToolResult(content=list(blocks), **fields), ServerConfig(command="x"), "find"
    )


def text(said):
    return TextContent(type="text", text=said)


def picture(data=b"picture"):
    return ImageContent(type="image", data=b64encode(data).decode(), mime_type="image/png")


def test_a_tool_is_offered_under_the_name_of_its_server():
    (offer,) = listing(tool("find", description=" Finds\ttickets.\x00 ")).offers.values()

    assert offer.tool.name == "tickets__find"
    assert offer.tool.description == "Finds\ttickets."
    assert (offer.own_name, offer.title) == ("find", "find (tickets)")


def test_a_name_the_model_cannot_give_is_made_one_it_can():
    (offer,) = listing(tool("board/find.all")).offers.values()
    assert (offer.tool.name, offer.own_name) == ("tickets__board_find_all", "board/find.all")


def test_a_long_description_is_cut():
    (offer,) = listing(tool(description="Finds. " * 1_000)).offers.values()
    assert len(offer.tool.description) <= MAX_DESCRIPTION_CHARS


@pytest.mark.parametrize(
    ("unusable", "why"),
    [
        (tool("a" * 120), "its name is too long"),
        (tool("find.", {}), "its arguments are not a plain object"),
        (tool("other", {"type": "object", "anyOf": []}), "not a plain object"),
        (tool("other", {"type": "object", "$ref": "https://a.io"}), "its schema is no JSON Schema"),
        (tool("other", {**PLAIN, "required": "all"}), "its schema is no JSON Schema"),
        (tool("other", {**PLAIN, "description": "a" * 20_000}), "its schema is too large"),
        (tool("other", {"type": "object", "properties": {"a b": {}}}), "an argument has a name"),
        (tool("fi nd"), "another one has the same name here"),
    ],
)
def test_a_tool_that_cannot_be_used_is_left_out_and_told(unusable, why):
    listed = listing(tool("fi_nd"), unusable)

    assert list(listed.offers) == ["tickets__fi_nd"]
    assert why in listed.notes[0]


def test_there_are_only_so_many_tools():
    listed = listing(*(tool(f"find{n}") for n in range(MAX_TOOLS + 2)))
    assert (len(listed.offers), len(listed.notes)) == (MAX_TOOLS, 2)


def test_only_tools_that_are_listed_are_used_and_missing_ones_told():
    listed = listing(tool("find"), tool("drop"), tools=["find", "count"], changes=["drop", "burn"])

    assert list(listed.offers) == ["tickets__find"]
    assert listed.notes == ("It has no tool named burn and count.",)


@pytest.mark.parametrize(
    ("changes", "hints", "changing"),
    [
        ("annotations", None, True),
        ("annotations", {}, True),
        ("annotations", {"read_only_hint": False, "destructive_hint": False}, True),
        ("annotations", {"read_only_hint": True}, False),
        ("annotations", {"read_only_hint": True, "destructive_hint": True}, True),
        ("all", {"read_only_hint": True}, True),
        ("none", None, False),
        (["find"], {"read_only_hint": True}, True),
        (["drop"], None, False),
    ],
)
def test_what_does_not_say_that_it_only_reads_changes_something(changes, hints, changing):
    annotations = None if hints is None else ToolAnnotations(**hints)
    offers = listing(tool("find", annotations=annotations), changes=changes).offers
    assert offers["tickets__find"].changes is changing


def test_all_text_of_a_result_is_told():
    link = ResourceLink(type="resource_link", name="Guide", uri="https://a.io/guide")
    inside = TextResourceContents(uri="file:///a.txt", text="inside")

    told = result(text("one"), text(""), link, EmbeddedResource(type="resource", resource=inside))

    assert told.text == "one\n\nGuide: https://a.io/guide\n\ninside"
    assert not told.is_error


def test_structure_stands_in_for_text_that_is_not_there():
    assert result(structured_content={"count": 3}).text == '{"count": 3}'
    assert result(text("three"), structured_content={"count": 3}).text == "three"


def test_an_empty_result_says_that_it_is_empty():
    assert result(text(" \x00")).text == "The tool answered with nothing."
    assert result(is_error=True).is_error


def test_files_are_kept_apart_from_the_text():
    sound = AudioContent(type="audio", data=b64encode(b"la").decode(), mime_type="audio/mpeg")
    blob = BlobResourceContents(uri="file:///a", blob=b64encode(b"raw").decode())

    told = result(picture(), sound, EmbeddedResource(type="resource", resource=blob))

    assert [(file.name, file.content) for file in told.files] == [
        ("find-1.png", b"picture"),
        ("find-2.mp3", b"la"),
        ("find-3.bin", b"raw"),
    ]
    assert all(file.name in told.text for file in told.files)


def test_too_large_too_many_and_broken_files_are_left_out_and_told():
    broken = ImageContent(type="image", data="!", mime_type="image/png")
    assert result(broken).text == "[A file (image/png) could not be read.]"
    assert "too large" in result(picture(b"a" * (MAX_FILE_BYTES + 3))).text
    many = result(*[picture()] * (MAX_FILES + 1))
    assert len(many.files) == MAX_FILES
    assert "or too many" in many.text


def test_secrets_of_the_server_do_not_come_back():
    config = ServerConfig(command="x", secrets=["open-sesame"])
    said = result_of(CallToolResult(content=[text("key open-sesame")]), config, "find")
    assert said.text == "key [secret]"
