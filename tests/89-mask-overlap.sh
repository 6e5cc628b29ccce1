#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# 89-mask-overlap.sh - volumes that lie one over the other: what is kept away in one is in no stream or file of the other
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/team.sh"
. "$(dirname "$0")/helpers/mask.sh"
need fuse
need root
need users
need_tools mkfs.vfat mcopy mdel xorriso python3 setpriv

make_letter
# a volume that can be masked, with a copy in its slack and one in free space that nobody claims
truncate -s 4M "$WORK/inner.img"
mkfs.vfat -F 12 -s 4 "$WORK/inner.img" >/dev/null
mcopy -i "$WORK/inner.img" "$WORK/letter" "::/$WORD-letter.txt"
mcopy -i "$WORK/inner.img" "$WORK/other" ::/other.txt
mcopy -i "$WORK/inner.img" "$WORK/letter" "::/$WORD-gone.txt"
mdel -i "$WORK/inner.img" "::/$WORD-gone.txt"
python3 - "$WORK" <<'PY'
import sys
work = sys.argv[1]
data = bytearray(open(work + "/inner.img", "rb").read())
letter, other = (open(work + "/" + n, "rb").read() for n in ("letter", "other"))
end = data.index(other) + len(other)
data[end:end + 400] = letter[3000:3400]
data[-9000:-4000] = letter[2000:7000]
open(work + "/inner.img", "wb").write(data)
PY
# one that cannot, of the same
mkdir "$WORK/tree"
cp "$WORK/only" "$WORK/tree/$WORD-letter.txt"
cp "$WORK/other" "$WORK/tree/other.txt"
xorriso -as mkisofs -quiet -r -J -o "$WORK/inner.iso" "$WORK/tree" 2>/dev/null

# a slice within a partition, as a file there: @INNER is found in the outer volume, and given a partition of its own
make_slice() { # NAME INNER TYPE
	truncate -s 24M "$WORK/outer"
	mkfs.vfat -F 16 -s 4 "$WORK/outer" >/dev/null
	mcopy -i "$WORK/outer" "$WORK/other" ::/readme.txt
	mcopy -i "$WORK/outer" "$2" ::/inner.img
	truncate -s 26M "$WORK/$1.dd"
	dd if="$WORK/outer" of="$WORK/$1.dd" bs=1M seek=1 conv=notrunc status=none
	rm "$WORK/outer"
	python3 - "$WORK/$1.dd" "$2" "$3" <<'PY'
import struct, sys
image, inner, kind = sys.argv[1:]
data = bytearray(open(image, "rb").read())
at = data.index(open(inner, "rb").read()) // 512
size = len(open(inner, "rb").read()) // 512
for i, (kind, first, n) in enumerate([(6, 2048, 24 * 2048), (int(kind, 16), at, size)]):
    data[446 + 16 * i:462 + 16 * i] = struct.pack("<B3sB3sII", 0, b"\0\2\0", kind, b"\xfe\xff\xff", first, n)
data[510:512] = b"\x55\xaa"
open(image, "wb").write(data)
PY
}
make_slice fatslice "$WORK/inner.img" 1
make_slice isoslice "$WORK/inner.iso" 83

evidence=(fatslice isoslice)
mask_team "${evidence[@]}"
for name in "${evidence[@]}"; do
	B=$(view bert c1)
	inner=$(as bert find "$B/$name" -name "$WORD-letter.txt" -not -path '*.d/*' -printf '%P\n' | head -n 1)
	outer=$(as bert find "$B/$name" -name inner.img -printf '%P\n' | head -n 1)
	diag "$(as bert ls "$B/$name")"
	ok "$name: the document is in one volume, which is a file in another" test -n "$inner" -a -n "$outer"
	[[ -n $inner && -n $outer ]] || continue
	text=$WORK/letter
	[[ $name != isoslice ]] || text=$WORK/only
	hashes bert "$name" >"$WORK/before"
	marks=("$name/$inner")
	while read -r path; do
		marks+=("$name/$path")
	done < <(cd / && as bert find "$B/$name" \( -iname "_uixot*" -o -name "$WORD-gone*" \) -printf '%P\n')
	rm -f "$WORK/watch"
	as bert /usr/bin/python3 -c '
import mmap, os, signal, sys, time
child = os.fork()
if child: # a file that is refused as a whole takes its pages back: SIGBUS
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGBUS:
        print("gone", time.time(), flush=True)
    sys.exit()
fd = os.open(sys.argv[1], os.O_RDONLY)
text = open(sys.argv[2], "rb").read()
at = os.pread(fd, 1 << 24, 0).index(text) & ~4095
m = mmap.mmap(fd, at + 8192, mmap.MAP_PRIVATE, mmap.PROT_READ)
print("ready", text[4096:4130] in m[at:at + 8192], flush=True)
while True:
    time.sleep(0.02)
    try:
        gone = text[4096:4130] not in m[at:at + 8192]
    except BaseException:
        gone = True
    if gone:
        print("gone", time.time(), flush=True)
        break
' "$B/$name/$outer" "$text" >"$WORK/watch" 2>&1 &
	track_pid $!
	wait_for -t 20 grep -q ready "$WORK/watch" || diag "$(cat "$WORK/watch")"
	ok "$name: it is marked in the one" mark suspected "${marks[@]}"
	end=$(date +%s.%N)
	wait_for -t 60 as bert test -e "$B/$name/EVIDENCE.txt"
	[[ $name == isoslice ]] || wait_for -t 60 as bert test -e "$B/$name/image.raw"
	ok "$name: nothing of it is found in the other, nor anywhere" as bert /usr/bin/python3 "$TOP/tests/helpers/search.py" "$B/$name" \
		--name "$WORD" --text "$text"
	ok "$name: the file that is the volume is still there" as bert test -e "$B/$name/$outer"
	wait "$!" 2>/dev/null || true
	diag "$(cat "$WORK/watch"), marked at $end"
	# shellcheck disable=SC2016
	ok "$name: what of it was mapped is gone within a second" awk -v end="$end" '$1 == "gone" && $2 < end + 1 {found = 1} END {exit !found}' "$WORK/watch"
	if [[ $name == isoslice ]]; then # its file is a container with a hidden member: blanked as a whole
		not_ok "$name: the file that is the volume is refused" as bert head -c 1 "$B/$name/$outer"
	else
		ok "$name: the rest of it is as it was" as bert cmp "$WORK/other" "$(dirname "$B/$name/$inner")/other.txt"
	fi
	ok "$name: rejected" mark rejected "${marks[@]}"
	hashes bert "$name" >"$WORK/after"
	same_file "$WORK/before" "$WORK/after" "$name: every bit is back"
	id=$(ev anna exclude c1 "${U[bert]}" "$name/$inner" --reason r)
	ok "$name: excluded in the one, nothing of it is found in the other" as bert /usr/bin/python3 "$TOP/tests/helpers/search.py" \
		"$B/$name" --name "$WORD-letter"
	ev anna revoke c1 "$id" --reason r >/dev/null
	hashes bert "$name" >"$WORK/after"
	same_file "$WORK/before" "$WORK/after" "$name: lifted, every bit is back"
done
done_testing
