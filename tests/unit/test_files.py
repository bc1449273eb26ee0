"""Reading files: each kind, what is left out, and what is refused."""

import base64
import io
import json
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from orchestrator.errors import SignInPage, UnreadableFile
from orchestrator.files.extract import Kind, Unit
from orchestrator.files.limits import Limits
from orchestrator.files.read import read
from tests import file_samples as samples


def test_text_is_read_as_it_stands():
    extract = read("notes.txt", b"One\r\ntwo\n", "text/plain")

    assert (extract.kind, extract.text, extract.note) == (Kind.TEXT, "One\ntwo\n", "")
    assert extract.summary == "notes.txt: text of 2 lines, 9 bytes.\nIt begins:\nOne\ntwo"


def test_the_summary_of_markdown_has_its_headings_but_no_comments_of_code():
    extract = read("a.md", b"# Plan\n\n```sh\n# no heading\n```\n\n## Costs\n")

    assert "Headings: Plan · Costs." in extract.summary


@pytest.mark.parametrize("name", ["main.py", "Makefile", "page.vue", "data.weird"])
def test_source_code_is_text_whatever_its_name(name):
    assert read(name, b"def f():\n\treturn 1\n").text == "def f():\n\treturn 1\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_unicode_is_recognised_without_a_guess(encoding):
    extract = read("a.txt", "Größe 5 € 東京".encode(encoding))

    assert (extract.text, extract.note) == ("Größe 5 € 東京", "")


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("Café au lait, très bien, garçon", "latin-1"),
        ("Größe;Straße\n1;2\n", "latin-1"),
        ("El niño comió en la mañana", "cp1252"),
        ("Привет, как дела? Это текст на русском языке.", "cp1251"),
        ("これは日本語のテキストです。元気ですか。", "shift_jis"),
    ],
)
def test_older_encodings_are_guessed_and_the_guess_is_told(content, encoding):
    extract = read("a.txt", content.encode(encoding))

    assert extract.text == content
    assert extract.note.startswith("Its encoding is a guess: cp")


def test_a_bad_byte_in_a_log_does_not_make_it_another_encoding():
    content = "Größe: 東京と大阪\n".encode() * 20 + b"\xff\n"

    extract = read("a.log", content)

    assert extract.text.startswith("Größe: 東京と大阪\n")
    assert extract.note == "1 character of it could not be read."


def test_control_characters_do_not_get_through():
    extract = read("a.txt", "a\0b\x1b[31m \u202ered".encode() + b" and some more text")

    assert extract.text == "ab[31m red and some more text"


def test_the_middle_of_long_text_is_left_out_and_the_note_says_how_much():
    extract = read("a.log", b"first " + b"x" * 5000 + b" last", limits=Limits(chars=1000))

    assert len(extract.text) < 1100
    assert extract.text.startswith("first ")
    assert extract.text.endswith(" last")
    assert extract.note == "4,011 of its 5,011 characters are left out in the middle."
    assert extract.note in extract.summary


@given(st.binary(max_size=400), st.sampled_from(["a.txt", "a.csv", "a.json", "a.html", "a"]))
def test_whatever_the_bytes_there_is_clean_text_or_a_sentence(content, name):
    try:
        extract = read(name, content)
    except UnreadableFile as error:
        text, sentence = None, str(error)
    else:
        text, sentence = extract.text, None

    if text is None:
        assert sentence.startswith(f"“{name}” cannot be read: ")
    else:
        assert text.strip()
        assert not set(text) & set(map(chr, range(9)))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_table_tells_its_columns_with_what_they_hold(delimiter):
    rows = [
        ["id", "name", "price", "since", "active"],
        ["1", "Ada", "1.50", "2024-01-31", "yes"],
        ["2", "Grace", "20", "2023-12-01", "no"],
    ]
    content = "\n".join(delimiter.join(row) for row in rows)

    extract = read("people.csv", content.encode(), "text/csv")

    assert extract.kind is Kind.TABLE
    assert extract.text == "\n".join(",".join(row) for row in rows)
    assert "a table of 2 rows and 5 columns" in extract.summary
    columns = "id (integer), name (text), price (number), since (date), active (yes/no)"
    assert f"Columns: {columns}." in extract.summary


def test_a_table_without_column_names_keeps_its_first_row():
    extract = read("a.csv", b"1,2\n3,4\n")

    assert extract.text == "1,2\n3,4"
    assert "2 rows and 2 columns" in extract.summary
    assert "column 1 (integer)" in extract.summary


def test_codes_with_leading_zeros_are_no_numbers():
    assert "zip (text)" in read("a.csv", b"zip,city\n01067,Dresden\n").summary


def test_a_cell_with_line_breaks_stays_in_its_row():
    assert read("a.csv", b'a,b\n"x\ny",2\n').text == "a,b\nx y,2"


def test_a_lone_quotation_mark_swallows_no_rows():
    extract = read("a.csv", b'size,item\n"5 inch,screen\n6,phone\n')

    assert "2 rows and 2 columns" in extract.summary


def test_a_hundred_thousand_rows_are_counted_and_the_first_are_kept():
    content = b"id,name\n" + b"".join(b"%d,name %d\n" % (i, i) for i in range(100_000))

    extract = read("big.csv", content)

    assert "a table of 100,000 rows and 2 columns" in extract.summary
    assert 190_000 < len(extract.text) <= 200_000
    kept = len(extract.text.splitlines()) - 1
    assert extract.note == f"Only the first {kept:,} of 100,000 rows are kept."
    assert extract.text.splitlines()[-1] == f"{kept - 1},name {kept - 1}"


def test_rows_beyond_the_limit_are_not_read():
    extract = read("a.csv", b"n,name\n" + b"1,x\n" * 20, limits=Limits(rows=5))

    assert "more than 5 rows" in extract.summary
    assert extract.text.count("\n") == 5
    assert extract.note == "Only the first 5 rows could be read."


def test_columns_beyond_the_limit_are_left_out_and_the_note_says_so():
    extract = read("a.csv", b"a,b,c\n1,2,3\n", limits=Limits(columns=2))

    assert extract.text == "a,b\n1,2"
    assert extract.note == "Only the first 2 columns are kept."


def test_one_row_longer_than_all_that_is_kept_is_shortened():
    extract = read("a.csv", (b"1" * 3000 + b",") * 9, limits=Limits(chars=1000))

    assert 0 < len(extract.text) <= 1000


def test_json_on_one_line_gets_lines():
    extract = read("a.json", json.dumps({"name": "Ada", "tags": ["x"]}).encode())

    assert extract.text == '{\n "name": "Ada",\n "tags": [\n  "x"\n ]\n}'
    assert "It is an object with name, tags." in extract.summary


def test_a_list_in_json_is_described_by_its_first_item():
    extract = read("a.json", b'[{"id": 1},\n {"id": 2}]')

    assert extract.text == '[{"id": 1},\n {"id": 2}]'
    assert "It is a list of 2, the first being an object with id." in extract.summary


@pytest.mark.parametrize("content", [b'{"a": 1', b"[" * 200_000], ids=["broken", "deep"])
def test_json_that_is_none_is_read_as_text(content):
    extract = read("a.json", content)

    assert extract.text.startswith(content[:50].decode())
    assert "It is not valid JSON" in extract.note


def test_lone_surrogates_of_json_do_not_get_through():
    assert read("a.json", b'["\\ud800"]').text == '[\n ""\n]'


def test_a_web_page_is_reduced_to_what_a_person_sees():
    page = b"""<!DOCTYPE html><html><head><title>T</title><style>p{}</style></head><body>
    <h1>Prices</h1><script>alert(1)</script><p>From <b>5 EUR</b></p>
    <table><tr><th>a<th>b<tr><td>1<td>2</table></body></html>"""

    extract = read("prices.html", page, "text/html")

    assert "# Prices" in extract.text
    assert "| 1 | 2 |" in extract.text
    assert "alert" not in extract.text
    assert "Headings: Prices." in extract.summary


def test_a_pdf_is_read_page_by_page():
    extract = read("a.pdf", samples.pdf("First page", "Second page", bookmarks=True))

    assert extract.text == "[Page 1]\nFirst page\n\n[Page 2]\nSecond page"
    assert extract.unit is Unit.PAGE
    assert [extract.text[p.start : p.end] for p in extract.parts] == ["First page", "Second page"]
    assert "a PDF of 2 pages" in extract.summary
    assert "Headings: Chapter 1 · Chapter 2." in extract.summary


def test_a_pdf_is_one_whatever_it_is_called():
    assert "a PDF" in read("a.txt", samples.pdf("Text"), "text/plain").summary


def test_a_pdf_of_200_pages_is_read_as_far_as_it_is_kept():
    content = samples.pdf(*(f"Page {i}. " + "lorem ipsum dolor " * 60 for i in range(1, 201)))

    extract = read("long.pdf", content)

    kept = len(extract.parts)
    assert 150 < kept < 200
    assert len(extract.text) <= 200_000
    note = f"Only the first {kept} of 200 pages are kept, the last of them in part."
    assert extract.note == note


def test_pages_beyond_the_limit_are_not_read():
    extract = read("a.pdf", samples.pdf("One", "Two", "Three"), limits=Limits(pages=2))

    assert "Three" not in extract.text
    assert extract.note == "Only the first 2 of 3 pages are kept."


def test_reading_stops_in_time_with_what_there_is():
    no_time = Limits(seconds=0)
    pdf = read("a.pdf", samples.pdf("One", "Two"), limits=no_time)
    table = read("a.csv", b"n,name\n" + b"1,x\n" * 1000, limits=no_time)
    workbook = read("a.xlsx", samples.workbook(A=[["a"]], B=[["b"]]), limits=no_time)

    assert pdf.note == "Only the first 1 of 2 pages are kept."
    assert table.note == "Only the first 498 rows could be read."
    assert workbook.note == "Empty, or not read any more: “B”."


def test_a_pdf_locked_only_against_changes_is_read():
    assert "Text" in read("a.pdf", samples.pdf("Text", password="")).text


def test_pages_without_text_are_told():
    extract = read("a.pdf", samples.pdf("Text", ""))

    assert extract.note == "No text could be read on page 2: pictures, scanned or damaged."


def test_a_word_document_becomes_markdown():
    extract = read("a.docx", samples.word())

    assert extract.text.split("\n\n") == [
        "# Annual report",
        "# Results",
        "It was a good year.",
        "- More customers",
        "| Quarter | Sales \\| EUR |\n| --- | --- |\n| Q1 | 1200 |",
        "## Outlook",
    ]
    assert "Headings: Annual report · Results · Outlook." in extract.summary


def test_word_keeps_what_was_inserted_and_leaves_out_what_was_deleted():
    assert read("a.docx", samples.word_with_changes()).text == "In a form\n\nWe sold ten"


def test_word_keeps_its_notes_comments_headers_and_footers():
    said = read("a.docx", samples.word_with_notes()).text.split("\n\n")

    assert said[0] == "It was a good year."
    assert sorted(said[1:]) == [
        "[Comment by Ada] Was it?",
        "[Endnote 2] A endnote, in two lines.",
        "[Footer] Page 1",
        "[Footnote 2] A footnote, in two lines.",
        "[Header] Confidential",
    ]


def test_a_workbook_is_read_sheet_by_sheet():
    content = samples.workbook(
        Sales=[["item", "price"], ["pen", 1.5], ["ink", 20]], Empty=[], Staff=[["name"], ["Ada"]]
    )

    extract = read("a.xlsx", content)

    assert extract.text == (
        "[Sheet “Sales”]\nitem,price\npen,1.5\nink,20\n\n[Sheet “Staff”]\nname\nAda"
    )
    assert extract.unit is Unit.SHEET
    assert [(p.name, extract.text[p.start : p.end]) for p in extract.parts] == [
        ("Sales", "item,price\npen,1.5\nink,20"),
        ("Staff", "name\nAda"),
    ]
    summary = "Sheet “Sales”, 2 rows and 2 columns: item (text), price (number)."
    assert summary in extract.summary
    assert extract.note == "Empty, or not read any more: “Empty”."


def test_a_small_sheet_is_kept_whole_beside_a_large_one():
    content = samples.workbook(
        Large=[["n", "name"], *([i, f"name {i}"] for i in range(500))], Small=[["x"], ["end"]]
    )

    extract = read("a.xlsx", content, limits=Limits(chars=1000))

    assert extract.text.endswith("[Sheet “Small”]\nx\nend")
    assert len(extract.text) <= 1000
    assert "of 500 rows of sheet “Large” are kept." in extract.note


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "GIF", "WEBP"])
def test_a_picture_that_fits_is_kept_as_it_is(format_):
    content = samples.picture(format_)

    extract = read("a.bin", content)

    assert (extract.kind, extract.text, extract.note) == (Kind.IMAGE, "", "")
    assert extract.image.block() == {
        "type": "image",
        "source": {
            "type": "base64",
            "media_type": f"image/{format_.lower()}",
            "data": base64.b64encode(content).decode(),
        },
    }
    assert f"a picture ({format_}) of 40 × 30 pixels" in extract.summary


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "I;16"])
def test_a_large_picture_is_scaled_down(mode):
    extract = read("a.png", samples.picture(size=(3136, 200), mode=mode))

    assert (extract.image.width, extract.image.height) == (1568, 100)
    assert _opened(extract).size == (1568, 100)
    assert extract.note == "It is scaled down to 1,568 × 100 pixels."


def test_a_picture_with_too_many_bytes_becomes_a_jpeg():
    extract = read("a.png", samples.noise((600, 400)), limits=Limits(image_bytes=300_000))

    assert extract.image.media_type == "image/jpeg"
    assert len(base64.b64decode(extract.image.data)) <= 300_000


def test_a_picture_lying_on_its_side_is_put_upright():
    exif = Image.Exif()
    exif[0x0112] = 6

    extract = read("a.jpg", samples.picture("JPEG", exif=exif))

    assert _opened(extract).size == (30, 40)


def test_of_a_moving_picture_the_first_frame_is_kept():
    frames = [Image.new("RGB", (40, 30), colour) for colour in ("red", "blue")]

    extract = read("a.gif", samples.picture("GIF", save_all=True, append_images=frames))

    assert extract.note == "Only the first of its 3 frames is kept."
    assert extract.image.media_type == "image/png"


def _opened(extract):
    return Image.open(io.BytesIO(base64.b64decode(extract.image.data)))


def why(name, content, mimetype="", limits=None):
    with pytest.raises(UnreadableFile) as caught:
        read(name, content, mimetype, limits)
    return caught.value.why


def test_binary_garbage_is_refused_with_what_can_be_read():
    assert why("a.bin", samples.garbage()).startswith("it is of an unknown kind. What can be read:")
    assert why("a.txt", samples.garbage(), "text/plain").startswith("it is of an unknown kind.")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a.pdf", "it is not a PDF inside, or it is damaged."),
        ("a.docx", "it is not a Word document inside, or it is damaged."),
        ("a.xlsx", "it is not an Excel workbook inside, or it is damaged."),
        ("a.png", "it is not an image inside, or it is damaged."),
    ],
)
def test_a_file_that_is_not_what_it_is_called_is_refused(name, said):
    assert why(name, samples.garbage()) == said


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.docx", samples.word()[:-2000]),
        ("a.xlsx", samples.workbook(A=[[1]])[:-200]),
        ("a.pdf", samples.pdf("Text")[:300]),
        ("a.png", samples.noise((60, 40))[:-3000]),
        ("a.jpg", samples.picture("JPEG", size=(200, 200))[:700]),
    ],
    ids=["docx", "xlsx", "pdf", "png", "jpg"],
)
def test_a_file_that_is_not_complete_is_refused(name, content):
    assert why(name, content) == "it seems to be damaged or not complete."


def test_a_locked_pdf_is_refused():
    assert why("a.pdf", samples.pdf("Text", password="secret")) == "it is locked with a password."


def test_a_locked_or_old_office_file_is_refused():
    ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100)

    assert why("a.docx", ole + "EncryptedPackage".encode("utf-16-le")) == (
        "it is locked with a password."
    )
    assert why("a.doc", ole) == ("it is in an old Office format. Save it as .docx, .xlsx or PDF.")


def test_a_scanned_pdf_is_refused_and_told_so():
    assert why("a.pdf", samples.pdf("", "")).startswith(
        "its pages have no text, most likely because they are scanned."
    )


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", b""),
        ("a.txt", b" \n\0"),
        ("a.csv", b",,\n,,\n"),
        ("a.xlsx", samples.workbook(A=[])),
        ("a.html", b"<p> </p><script>x</script>"),
    ],
    ids=["bytes", "text", "csv", "xlsx", "html"],
)
def test_a_file_with_nothing_in_it_is_refused(name, content):
    assert why(name, content)


def test_a_file_that_is_too_large_is_refused():
    assert why("a.txt", b"x" * 1500, limits=Limits(bytes=1000)) == (
        "it has 1.5 kB, more than the 1.0 kB that are allowed."
    )


@pytest.mark.parametrize("mimetype", ["application/pdf", "text/csv", "application/json"])
def test_a_web_page_in_place_of_the_file_is_told_apart(mimetype):
    with pytest.raises(SignInPage, match="a web page came in its place"):
        read("report", samples.SIGN_IN, mimetype)


def test_a_page_to_sign_in_is_no_text_file_but_another_page_is():
    with pytest.raises(SignInPage):
        read("a.txt", samples.SIGN_IN, "text/plain")
    assert read("a.txt", b"<!DOCTYPE html><p>Hello</p>", "text/plain").text.startswith("<!DOCTYPE")


def test_a_zip_bomb_is_refused_before_it_is_unpacked():
    bomb = samples.replaced(samples.word(), "word/document.xml", b" " * 50_000_000)

    assert len(bomb) < 200_000
    assert why("a.docx", bomb) == "it is packed in a way that only harmful files are."


def test_an_archive_that_is_too_large_unpacked_is_refused():
    content = samples.workbook(A=[["x"] * 100] * 100)

    assert why("a.xlsx", content, limits=Limits(unpacked_bytes=20_000)).startswith(
        "unpacked it would have "
    )


def test_another_archive_is_refused():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.txt", "text")

    assert why("a.zip", out.getvalue()).startswith("it is an archive of another kind.")


def test_entities_of_xml_are_not_expanded():
    entities = '<!DOCTYPE x [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    rows = '<row r="1"><c r="A1" t="str"><v>&b;</v></c></row>'
    sheet = samples.sheet_xml(rows, before=entities)
    content = samples.replaced(samples.workbook(A=[[1]]), "xl/worksheets/sheet1.xml", sheet)

    assert why("a.xlsx", content) == "it seems to be damaged or not complete."


def test_entities_of_a_word_document_are_not_expanded():
    word = samples.word_with_changes()
    with zipfile.ZipFile(io.BytesIO(word)) as archive:
        xml = archive.read("word/document.xml").decode()
    start = xml.index("<w:document")
    entities = '<!DOCTYPE x [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;">]>'
    xml = xml[:start] + entities + xml[start:].replace("In a form", "before &b; after")

    text = read("a.docx", samples.replaced(word, "word/document.xml", xml)).text

    assert "aaaa" not in text


def test_a_picture_with_too_many_pixels_is_refused_before_it_is_unpacked():
    content = samples.picture(size=(12_000, 11_000), mode="1")

    assert why("a.png", content) == "it has 12,000 × 11,000 pixels, too many to open."


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("..", "file"),
        ("", "file"),
        ("a\nb\u202e\0.txt", "a b.txt"),
        (".env", ".env"),
        ("x" * 300 + ".log", "x" * 115 + "….log"),
    ],
)
def test_a_hostile_name_becomes_a_harmless_one(name, safe):
    assert read(name, b"text").name == safe
