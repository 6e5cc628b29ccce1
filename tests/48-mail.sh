#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What is in messages, folders of mail and Outlook stores is what Python's email and mailbox, and
# readpst, find in them; read by locator, whole and in pieces, it is the same again.
set -eu
. "$(dirname "$0")/lib.sh"
need_tools python3
mail_py=$TOP/tests/helpers/mail.py
members() { # LIST FILE...
	local list=$1
	shift
	"$BUILD/tests/unit/list-members" "$@" >"$list"
}

# ---- mail made here

mkdir "$WORK/made"
python3 "$mail_py" make "$WORK/made"
cd "$WORK/made"
ok "messages and folders of them are walked and read again" members "$WORK/made.list" ./*.eml ./*.mbox
is "$(python3 "$mail_py" check "$WORK/made.list" ./*.eml ./made.mbox)" "41 of 41" \
	"40 messages have the parts, and a folder of them the messages, that Python finds"
is "$(grep -c '^./false.mbox' "$WORK/made.list")" 20 \
	"lines that begin as separators do, and are none, separate nothing"
is "$(grep -c '^./made.mbox.*[.]eml~' "$WORK/made.list")" 40 \
	"messages have names that are made up, which get a hash"

# ---- hostile mail

printf 'From: a@b\nTo: c@d\nContent-Type: multipart/mixed; boundary=b\n\n' >head.txt
{ cat head.txt; yes -- $'--b\n\nx' | head -n 180000; } >many.eml
{ cat head.txt; yes -- $'--b\n' | head -n 600000; } >toomany.eml
{ printf 'From: =?ibm1047?q?a?= <a@b>\nTo: c@d\nContent-Type: text/plain; charset=x-none\n\n\xff\xfe'; } >charset.eml
{ printf 'From a@b Mon Jan  1 10:00:00 2001\n%.0s' {1..5000}; } >envelopes.mbox
printf '!BDN' >broken.pst
head -c 30 /dev/zero >>broken.pst
{ printf '!BDN\0\0\0\0SM\27\0'; head -c 100000 /dev/urandom; } >noise.pst
ok "hostile mail is walked" members "$WORK/hostile.list" many.eml toomany.eml charset.eml envelopes.mbox broken.pst noise.pst
is "$(grep -c '^many.eml' "$WORK/hostile.list")" 60001 "60,000 parts"
like "$(cat "$WORK/hostile.list")" '!toomany.eml[^!]*too many parts' "more are refused with a reason"
is "$(grep -c '^envelopes.mbox' "$WORK/hostile.list")" 1 "envelopes in a row are a message's text"
like "$(cat "$WORK/hostile.list")" '!broken.pst.*not a container' "four letters make no store"
like "$(cat "$WORK/hostile.list")" '!noise.pst.*damaged mail store' "noise is refused with a reason"
cd /

# ---- mail of others

if [[ ! -d ${EVIDENCEFS_CORPUS:-}/mail_archives ]]; then
	skip "EVIDENCEFS_CORPUS names no folder with mail_archives" "mail of others"
	done_testing
	exit
fi
cd "$EVIDENCEFS_CORPUS/mail_archives"
mapfile -t messages < <(find . \( -name '*.eml' -o -name '*.msg' \) ! -name '*MSG*' ! -name 'test-outlook.msg' | sort)
ok "messages of others are walked" members "$WORK/others.list" "${messages[@]}"
# What is not as Python has it is damaged, and can be read in two ways: two types, parts without a
# boundary, base64 and quoted-printable that are cut short. Or it is no mail by its content.
damaged='malformedHeader-noheader.msg missing-inner-boundary.msg missing-inner-start-boundary.msg'
damaged+=' multi-badnames.msg multi-frag.msg multipartnopart.msg multiple_content_types.eml raw_email4.eml'
damaged+=' raw_email_incorrect_header.eml raw_email_with_mimepart_without_content_type.eml'
damaged+=' very-very-long-boundary.msg weird-boundary.msg '
is "$(python3 "$mail_py" check "$WORK/others.list" "${messages[@]}" | sed -n 's/^other: //p' | LC_ALL=C sort | tr '\n' ' ')" \
	"$damaged" "all have the parts that Python finds, but for those that are damaged"
have "stores" readpst && for store in stores/*.?st; do
	name=$(basename "$store")
	mkdir "$WORK/$name"
	ok "$name: is walked" members "$WORK/$name.list" "$store"
	readpst -S -D -o "$WORK/$name" "$store" >/dev/null 2>&1
	found=$(python3 "$mail_py" readpst "$WORK/$name.list" "$WORK/$name")
	like "$found" ' 0 not found' "$name: attachments are those of readpst ($found)"
	items=${found##*, }
	# A message in a message is an item of its own here; a calendar's entries may be none there.
	ok "$name: no item of readpst is missing" \
		test "$(cut -f3 "$WORK/$name.list" | grep -c '/properties\.txt$')" -ge "${items% items}"
done
done_testing
