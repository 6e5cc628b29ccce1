#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Documents with a known text, for tests/92-text.sh.

    texts.py FOLDER     makes them, one of each kind
"""
import sys
import zipfile
import zlib

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
S = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
R = 'xmlns="http://schemas.openxmlformats.org/package/2006/relationships"'
O = ('xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
     'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"')


def archive(path, parts):
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as z:
        for name, text in parts:
            z.writestr(name, text)


def docx(path):
    runs = ''.join(f'<w:r><w:t xml:space="preserve">{t}</w:t></w:r>'
                   for t in ('Mijn ad', 'voc', 'aat be', 'lt.'))
    archive(path, [
        ('[Content_Types].xml', '<Types/>'),
        ('word/document.xml', f'<w:document {W}><w:body><w:p>{runs}</w:p><w:p><w:r><w:t>Twee</w:t>'
         '<w:tab/><w:t>drie</w:t></w:r></w:p></w:body></w:document>'),
        ('word/footnotes.xml', f'<w:footnotes {W}><w:footnote><w:p><w:r><w:t>voetnoot</w:t></w:r>'
         '</w:p></w:footnote></w:footnotes>'),
        ('word/header1.xml', f'<w:hdr {W}><w:p><w:r><w:t>kopregel</w:t></w:r></w:p></w:hdr>'),
        ('word/comments.xml', f'<w:comments {W}><w:comment w:author="Jan Jansen"><w:p><w:r><w:t>'
         'opmerking</w:t></w:r></w:p></w:comment></w:comments>'),
        ('word/_rels/document.xml.rels', f'<Relationships {R}><Relationship Id="r1" '
         'Target="mailto:jan@example.org" TargetMode="External"/></Relationships>')])


def xlsx(path):
    archive(path, [
        ('xl/sharedStrings.xml', f'<sst {S}><si><r><t>ge</t></r><r><t>deeld</t></r></si></sst>'),
        ('xl/worksheets/sheet1.xml', f'<worksheet {S}><sheetData><row><c t="s"><v>99</v></c>'
         '<c><v>31201234567</v></c><c t="inlineStr"><is><t>regel</t></is></c></row></sheetData>'
         '</worksheet>'),
        ('[Content_Types].xml', '<Types/>')])


def odt(path, manifest=''):
    archive(path, [
        ('mimetype', 'application/vnd.oasis.opendocument.text'),
        ('content.xml', f'<office:document-content {O}><office:body><text:p>Mijn ad<text:span>voc'
         '</text:span>aat<text:s/>belt</text:p><text:p>twee</text:p></office:body>'
         '</office:document-content>'),
        ('META-INF/manifest.xml', f'<manifest>{manifest}</manifest>')])


def bomb(path):
    archive(path, [('[Content_Types].xml', '<Types/>'),
                   ('word/document.xml', f'<w:document {W}>' + '<w:p>' * 9_000_000)])


def pdf(path, objects=()):
    page = (b'BT /F1 12 Tf 72 700 Td [(Mijn ad) 20 (vo) -15 (caat)] TJ ( belt) Tj 0 -20 Td '
            b'(020-1234567) Tj ET')
    content = zlib.compress(page)
    parts = [b'<</Type/Catalog/Pages 2 0 R>>', b'<</Type/Pages/Kids[3 0 R]/Count 1>>',
             b'<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R'
             b'/Resources<</Font<</F1 5 0 R>>>>>>',
             b'<</Filter/FlateDecode/Length %d>>stream\n%s\nendstream' % (len(content), content),
             b'<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>', *objects]
    out = bytearray(b'%PDF-1.4\n')
    places = []
    for i, part in enumerate(parts):
        places.append(len(out))
        out += b'%d 0 obj%s endobj\n' % (i + 1, part)
    start = len(out)
    out += b'xref\n0 %d\n0000000000 65535 f \n' % (len(parts) + 1)
    out += b''.join(b'%010d 00000 n \n' % at for at in places)
    out += b'trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF' % (len(parts) + 1, start)
    with open(path, 'wb') as f:
        f.write(out)


def main():
    folder = sys.argv[1]
    docx(f'{folder}/brief.docx')
    xlsx(f'{folder}/lijst.xlsx')
    odt(f'{folder}/brief.odt')
    odt(f'{folder}/dicht.odt', '<file-entry><encryption-data/></file-entry>')
    bomb(f'{folder}/bom.docx')
    pdf(f'{folder}/brief.pdf')
    pdf(f'{folder}/veel.pdf', [b'1'] * 300_000)


main()
