#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The text of files, in the sandbox of a worker, against what other programs read in them.
set -eu
. "$(dirname "$0")/lib.sh"

give=$BUILD/tests/unit/give-text
work=$WORK

# text FILE: its text, white space as one space, on one line
text() {
	"$give" "$1" | tr -s ' \t\r\n' ' '
}
# says FILE WORDS...: each WORDS stand in the text of FILE, as whole words
says() {
	local got file=$1 words
	got=" $(text "$file") "
	shift
	for words; do
		[[ $got == *[!a-zA-Z0-9]"$words"[!a-zA-Z0-9]* ]] || {
			echo "# $file: '$words' is not in: ${got:0:300}"
			return 1
		}
	done
}

# ends FILE: in all of its text, or in a reason; not in a signal
ends() {
	"$give" "$1" | cat >/dev/null
	[[ ${PIPESTATUS[0]} -le 1 ]]
}

python3 "$TOP/tests/helpers/texts.py" "$work"

ok "docx: words over runs, notes, headers, comments, links" says "$work/brief.docx" \
	"Mijn advocaat belt." "Twee drie" voetnoot kopregel opmerking "Jan Jansen" "mailto:jan@example.org"
ok "xlsx: shared strings, numbers, texts in cells" says "$work/lijst.xlsx" gedeeld 31201234567 regel
not_ok "xlsx: numbers of shared strings are no text" says "$work/lijst.xlsx" 99
ok "odt: words over spans" says "$work/brief.odt" "Mijn advocaat belt" twee
like "$(text "$work/dicht.odt")" "! the document is encrypted " "an encrypted document says so"
ok "a document that expands a thousandfold ends" ends "$work/bom.docx"

# in each character set that iconv knows of these, and that a file can say it is in
letters='Größe und Übung, advocaat'
for charset in ISO-8859-1 WINDOWS-1252 UTF-8 ISO-8859-15 MACINTOSH IBM850; do
	{
		printf '<html><head><meta charset="%s"></head><p>' "$charset"
		printf '%s</p></html>' "$letters" | iconv -f UTF-8 -t "$charset"
	} >"$work/$charset.html"
	ok "HTML in $charset" says "$work/$charset.html" "$letters"
done
for charset in UTF-16 UTF-32 UTF-16LE UTF-16BE WINDOWS-1252; do
	printf '%s' "$letters" | iconv -f UTF-8 -t "$charset" >"$work/$charset.txt"
	ok "text in $charset" says "$work/$charset.txt" "$letters"
done

# PDF: all words that pdftotext finds, but for those it divides otherwise
words() {
	tr -cs '[:alnum:]' '\n' | LC_ALL=C sort -u
}
# missing FILE: how many words of pdftotext are not in the text
missing() {
	LC_ALL=C comm -13 <("$give" "$1" | words) <(pdftotext "$1" - 2>/dev/null | words) | wc -l
}
if text "$work/brief.pdf" | grep -q "built without"; then
	skip "this build reads no PDF" "the text of PDF files"
elif have "the text of PDF files" pdftotext; then
	ok "PDF: words over kerning" says "$work/brief.pdf" "Mijn advocaat belt" 020-1234567
	is "$(missing "$work/brief.pdf")" 0 "pdftotext finds no other words"
	ok "a PDF of 300,000 objects" says "$work/veel.pdf" "Mijn advocaat belt"
	if [[ -d ${EVIDENCEFS_CORPUS:-}/mail_archives/tika ]]; then
		for pdf in testPDF-TIKA-4444 testPDFPackage testPDF_multiFormatEmbFiles testPDF_JBIG2; do
			is "$(missing "$EVIDENCEFS_CORPUS/mail_archives/tika/$pdf.pdf")" 0 "$pdf: all words of pdftotext"
		done
		like "$(text "$EVIDENCEFS_CORPUS/mail_archives/tika/testPassword4Spaces.pdf")" "! the document is encrypted " \
			"an encrypted PDF says so"
	fi
fi
done_testing
