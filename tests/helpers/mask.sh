# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# mask.sh - for tests of masked byte streams; sourced after lib.sh and team.sh
#
#	make_letter                  documents that share nothing: $WORK/letter (9 KiB), $WORK/note (288 bytes), $WORK/holes
#	                             (sparse), and for other things: $WORK/other, $WORK/only, $WORK/lost
#	plant_letter DIR             them in a tree, as file, hard link, copies, sparse; $EXCLUDED in docs alone;
#	                             $LOST in mail, for the test to delete
#	mask_team EVIDENCE...        a service with case c1: anna owner, bert analyst with raw, dora without deleted,
#	                             rosa officer, rita and ruth reviewers
#	hashes USER EVIDENCE         of all there is
#	finds USER EVIDENCE          fails when anything can be found of the documents, or of their names
#	finds_of USER EVIDENCE FILE WORD    the same, of another one
#	others_are_as_before EVIDENCE       by $WORK/before and $WORK/with
#	mark STATE PATH...           by a reviewer
#	kept_away EVIDENCE VOLUME    what an exclusion, and a lack of `deleted`, keep from a viewer
#	$WORD                        stands in every name of the documents, and in no other

WORD=quixotry
EXCLUDED=sesquipedal
LOST=evanescent

make_letter() {
	# shellcheck disable=SC2153 # of lib.sh
	python3 - "$WORK" <<'PY'
import random, sys
r = random.Random(5)
line = lambda: "".join(r.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(47)) + "\n"
letter = "".join(line() for _ in range(191))
open(sys.argv[1] + "/letter", "w").write(letter + "end of it")
open(sys.argv[1] + "/note", "w").write("".join(line() for _ in range(6)))
open(sys.argv[1] + "/other", "w").write("".join(line() for _ in range(200)))
open(sys.argv[1] + "/only", "w").write("".join(line() for _ in range(150)))
open(sys.argv[1] + "/lost", "w").write("".join(line() for _ in range(150)))
with open(sys.argv[1] + "/holes", "w") as f:
    f.write("".join(line() for _ in range(100)))
    f.seek(200000)
    f.write("".join(line() for _ in range(100)))
PY
}

plant_letter() { # DIR
	mkdir -p "$1/docs" "$1/mail/inner" "$1/public"
	cp "$WORK/other" "$1/mail/first.txt"
	cp "$WORK/letter" "$1/docs/$WORD-letter.txt"
	ln "$1/docs/$WORD-letter.txt" "$1/mail/$WORD-hard.txt"
	cp "$WORK/letter" "$1/mail/$WORD-copy.txt"
	cp "$WORK/letter" "$1/mail/$WORD-gone.txt"
	cp "$WORK/letter" "$1/mail/$WORD-gone2.txt"
	cp "$WORK/note" "$1/docs/$WORD-note.txt"
	cp "$WORK/note" "$1/mail/$WORD-note2.txt"
	cp "$WORK/other" "$1/mail/other.txt"
	cp "$WORK/other" "$1/mail/ordinary.txt"
	cp "$WORK/other" "$1/public/open.txt"
	echo short >"$1/public/short.txt"
	cp "$WORK/only" "$1/docs/$EXCLUDED-memo.txt"
	cp "$WORK/lost" "$1/mail/$LOST-plan.txt"
	cp --sparse=always "$WORK/holes" "$1/docs/$WORD-sparse.txt"
	cp --sparse=never "$WORK/holes" "$1/mail/$WORD-dense.txt"
}

mask_team() { # EVIDENCE...
	local image name
	user anna bert dora rosa rita ruth
	team_begin
	ev root case create c1 --owner "${U[anna]}" --privilege-officer "${U[rosa]}"
	for name; do
		image=$WORK/$name.dd
		[[ -e $image ]] || image=$WORK/$name.E01
		[[ -e $image ]] || image=$WORK/split/$name.001
		ev root add c1 "$image" >/dev/null
		ev anna release c1 "$name" --reason r 2>/dev/null
	done
	ev anna grant c1 "${U[bert]}" --rights read,deleted,raw --reason r >/dev/null
	ev anna grant c1 "${U[dora]}" --rights read,raw --reason r >/dev/null
	ev rosa grant c1 "${U[rita]}" --role reviewer --reason r >/dev/null
	ev rosa grant c1 "${U[ruth]}" --role reviewer --reason r >/dev/null
	for name in bert dora rita ruth; do
		wait_for is_mounted "$ROOT/${U[$name]}"
	done
}

hashes() { # USER EVIDENCE: every name, and the hash of every file
	# shellcheck disable=SC2016
	as "$1" sh -c 'cd "$1" && find . | LC_ALL=C sort && find . -type f ! -name EVIDENCE.txt -print0 |
		LC_ALL=C sort -z | xargs -0 sha256sum' sh "$(view "$1" c1)/$2" 2>&1 || true # errors are lines too
}

finds() { # USER EVIDENCE: what can be read of the letter; fails when something can
	as "$1" /usr/bin/python3 "$TOP/tests/helpers/search.py" "$(view "$1" c1)/$2" --name "$WORD" \
		--text "$WORK/letter" --text "$WORK/note" --text "$WORK/holes"
}

finds_of() { # USER EVIDENCE FILE WORD
	as "$1" /usr/bin/python3 "$TOP/tests/helpers/search.py" "$(view "$1" c1)/$2" --name "$4" --text "$3"
}

kept_away() { # EVIDENCE VOLUME
	local id
	hashes bert "$1" >"$WORK/kept.before"
	not_ok "$1: before, a memo is found" finds_of bert "$1" "$WORK/only" "$EXCLUDED"
	id=$(ev anna exclude c1 "${U[bert]}" "$2/docs" --reason r)
	ok "$1: of a folder that is excluded nothing is found" finds_of bert "$1" "$WORK/only" "$EXCLUDED"
	ok "$1: though image.raw is there" as bert test -s "$(view bert c1)/$1/image.raw"
	ev anna revoke c1 "$id" --reason r >/dev/null
	hashes bert "$1" >"$WORK/kept.after"
	same_file "$WORK/kept.before" "$WORK/kept.after" "$1: lifted, every bit is back"
	not_ok "$1: what is deleted is found" finds_of bert "$1" "$WORK/lost" "$LOST"
	ok "$1: but not by who lacks \`deleted\`" finds_of dora "$1" "$WORK/lost" "$LOST"
	ok "$1: though image.raw is there" as dora test -s "$(view dora c1)/$1/image.raw"
	not_ok "$1: and all else is" finds_of dora "$1" "$WORK/only" "$EXCLUDED"
}

mark() { # STATE PATH...
	local state=$1
	shift
	ev rita mark c1 "$@" --state "$state" --basis b --reason r --yes >/dev/null 2>"$WORK/mark.err" || {
		diag "$(cat "$WORK/mark.err")"
		return 1
	}
}

# Of what is listed in $WORK/before and $WORK/with, all that is there with other contents says that it is masked.
others_are_as_before() { # EVIDENCE
	local path bad=0
	while read -r path; do
		[[ $(as bert getfattr --only-values --absolute-names -n user.evidencefs.masked "$(view bert c1)/$1/$path" 2>/dev/null) == 1 ]] &&
			[[ $path == *.raw || $path == *.unallocated || $path == *.deleted/* ]] && continue
		diag "$path is not as it was"
		bad=1
	done < <(comm -13 <(LC_ALL=C sort "$WORK/before") <(LC_ALL=C sort "$WORK/with") | sed 's/^[0-9a-f]*  //')
	return "$bad"
}
