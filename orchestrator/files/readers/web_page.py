"""Web pages, reduced to Markdown."""

from __future__ import annotations

from bs4 import BeautifulSoup
from markdownify import ATX, MarkdownConverter

from orchestrator import text
from orchestrator.files.decoding import decoded
from orchestrator.files.file import File, Reading
from orchestrator.files.headings import headings_in, headings_of

_UNSEEN = ["script", "style", "noscript", "template", "svg", "head", "iframe", "object"]


def read(file: File) -> Reading:
    """What a person sees of the page, without pictures."""
    content = decoded(file)
    soup = BeautifulSoup(content.text, "lxml")
    titles = [soup.title.get_text()] if soup.title else []
    for element in soup(_UNSEEN):
        element.decompose()
    converter = MarkdownConverter(
        heading_style=ATX, strip=["img"], escape_asterisks=False, escape_underscores=False
    )
    markdown = text.block(converter.convert_soup(soup))
    if not markdown:
        raise file.unreadable("it is a web page without text.")
    return Reading(
        label="a web page",
        text=markdown,
        facts=headings_in(markdown) or headings_of(titles),
        notes=list(content.notes),
    )
