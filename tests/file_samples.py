"""Files of every kind, made by the libraries that people's programs use."""

import io
import random
import zipfile

import docx
from docx.opc.constants import CONTENT_TYPE as CT
from docx.opc.constants import RELATIONSHIP_TYPE as RT
from docx.opc.packuri import PackURI
from docx.opc.part import Part
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from fpdf import FPDF
from openpyxl import Workbook
from PIL import Image

SIGN_IN = b"""<!DOCTYPE html>
<html lang="en"><head><title>Login | Example</title></head><body>Sign in to go on</body></html>"""


def pdf(*pages, password=None, bookmarks=False):
    document = FPDF()
    document.set_font("helvetica", size=11)
    if password is not None:
        document.set_encryption("owner", password, encryption_method="AES-256")
    for number, page in enumerate(pages, 1):
        document.add_page()
        if bookmarks:
            document.start_section(f"Chapter {number}")
        if page:
            document.multi_cell(0, 5, page)
        else:
            document.rect(20, 20, 50, 50)
    return bytes(document.output())


def word():
    document = docx.Document()
    document.add_heading("Annual report", 0)
    document.add_heading("Results", 1)
    document.add_paragraph("It was a good year.")
    document.add_paragraph("More customers", style="List Bullet")
    table = document.add_table(rows=2, cols=2)
    for cell, content in zip(table._cells, ("Quarter", "Sales | EUR", "Q1", "1200"), strict=True):
        cell.text = content
    document.add_heading("Outlook", 2)
    return _saved(document.save)


def word_with_changes():
    """A paragraph with inserted and deleted words, and one in a content control."""
    document = docx.Document()
    tracked = (
        f"<w:p {nsdecls('w')}><w:r><w:t xml:space='preserve'>We sold </w:t></w:r>"
        "<w:del><w:r><w:delText>nine</w:delText></w:r></w:del>"
        "<w:ins><w:r><w:t>ten</w:t></w:r></w:ins></w:p>"
    )
    control = (
        f"<w:sdt {nsdecls('w')}><w:sdtContent><w:p><w:r><w:t>In a form</w:t></w:r></w:p>"
        "</w:sdtContent></w:sdt>"
    )
    for xml in (tracked, control):
        document.element.body.insert(0, parse_xml(xml))
    return _saved(document.save)


def word_with_notes():
    """A document with all that Word keeps apart from the text, its separators too."""
    document = docx.Document()
    document.add_paragraph("It was a good year.")
    document.sections[0].header.paragraphs[0].text = "Confidential"
    document.sections[0].footer.paragraphs[0].text = "Page 1"
    document.add_comment(document.paragraphs[0].runs, text="Was it?", author="Ada")
    for kind, relation in (("footnote", RT.FOOTNOTES), ("endnote", RT.ENDNOTES)):
        note = f"<w:{kind} w:id='2'><w:p><w:r><w:t>A {kind},</w:t></w:r></w:p>"
        note += f"<w:p><w:r><w:t>in two lines.</w:t></w:r></w:p></w:{kind}>"
        lines = "".join(
            f"<w:{kind} w:type='{name}' w:id='{id_}'><w:p><w:r><w:{name}/></w:r></w:p></w:{kind}>"
            for id_, name in ((-1, "separator"), (0, "continuationSeparator"))
        )
        xml = f"<w:{kind}s {nsdecls('w')}>{lines}{note}</w:{kind}s>".encode()
        content_type = CT.WML_FOOTNOTES.replace("footnote", kind)
        part = Part(PackURI(f"/word/{kind}s.xml"), content_type, xml, document.part.package)
        document.part.relate_to(part, relation)
    return _saved(document.save)


def workbook(**sheets):
    book = Workbook(write_only=True)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    return _saved(book.save)


def picture(format_="PNG", size=(40, 30), mode="RGB", **options):
    return _saved(lambda out: Image.new(mode, size).save(out, format_, **options))


def noise(size):
    """A picture that hardly packs."""
    content = random.Random(1).randbytes(size[0] * size[1] * 3)
    return _saved(lambda out: Image.frombytes("RGB", size, content).save(out, "PNG"))


def replaced(archive, name, content):
    """The archive with other content in its entry `name`."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(archive)) as old,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for entry in old.infolist():
            new.writestr(entry.filename, content if entry.filename == name else old.read(entry))
    return out.getvalue()


def sheet_xml(rows, before=""):
    namespace = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    return (
        f'<?xml version="1.0"?>{before}<worksheet xmlns="{namespace}">'
        f"<sheetData>{rows}</sheetData></worksheet>"
    )


def garbage(size=5000):
    return random.Random(2).randbytes(size)


def _saved(save):
    out = io.BytesIO()
    save(out)
    return out.getvalue()
