#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A desktop on a mount, as an ordinary user: a file manager lists folders with thumbnails, shows
# properties and copies out; LibreOffice, a PDF viewer and an image viewer open what lies there, in
# real windows of a virtual screen; that no lock or thumbnail can be put beside a document disturbs
# none of them; and the access log names each program. What a window shows is known by its colours.
# EVIDENCEFS_SCREENSHOTS=DIR keeps pictures of the windows there.
set -eu
. "$(dirname "$0")/lib.sh"
slow
. "$(dirname "$0")/helpers/disk.sh"
need fuse
need_tools sfdisk mkntfs ntfs-3g mke2fs ewfacquire python3 fusermount3 \
	Xvfb openbox xdotool import convert dbus-daemon gdbus
blue='#1A5FB4'   # the head of the letter: tests/helpers/letter.fodt
orange='#E66100' # a band in the pictures
shots=${EVIDENCEFS_SCREENSHOTS:-}

# ---- a user with a home, a screen and a session bus ----
user=()
if [[ $(id -u) == 0 ]]; then
	need users
	second_user
	user=(setpriv "--reuid=$UID2" "--regid=$(id -g "$USER2")" --clear-groups --)
	"${user[@]}" test -x "$EVIDENCEFS" || lacking users "an ordinary user cannot reach $EVIDENCEFS"
fi
home=$WORK/home
for i in "$home" "$home/run" "$home/Copies"; do
	mkdir -m 0700 "$i"
	[[ -z $USER2 ]] || chown "$USER2:" "$i"
done
environment=(env -i "PATH=$PATH" "LC_ALL=$LC_ALL" "TZ=$TZ" "HOME=$home" "USER=${USER2:-$(id -un)}"
	"XDG_RUNTIME_DIR=$home/run" "XDG_STATE_HOME=$home/state" NO_AT_BRIDGE=1 GTK_USE_PORTAL=0
	GSETTINGS_BACKEND=memory SAL_USE_VCLPLUGIN=gen)
me() { # COMMAND...: as the user
	"${user[@]}" "${environment[@]}" "$@"
}
start() { # NAME COMMAND...: as the user, behind; its process is $started
	local name=$1
	shift
	"${user[@]}" "${environment[@]}" "$@" >"$WORK/$name.log" 2>&1 </dev/null {tap_fd}>&- &
	started=$!
	track_pid "$started"
}
gone() {
	! kill -0 "$1" 2>/dev/null
}

start Xvfb Xvfb -displayfd 1 -screen 0 1000x700x24 -nolisten tcp -noreset
wait_for -t 60 grep -q '^[0-9]' "$WORK/Xvfb.log" || bail "Xvfb: $(cat "$WORK/Xvfb.log")"
export DISPLAY
DISPLAY=:$(grep -m 1 '^[0-9]' "$WORK/Xvfb.log")
environment+=("DISPLAY=$DISPLAY")
start bus dbus-daemon --session --nofork --nosyslog --print-address=1
wait_for -t 60 grep -q '^unix:' "$WORK/bus.log" || bail "dbus-daemon: $(cat "$WORK/bus.log")"
environment+=("DBUS_SESSION_BUS_ADDRESS=$(grep -m 1 '^unix:' "$WORK/bus.log")")
start openbox openbox
wait_for -t 60 me xdotool get_num_desktops || bail "openbox: $(cat "$WORK/openbox.log")"

window() { # NAME: prints a visible window whose title has it
	me xdotool search --onlyvisible --name "$1" 2>/dev/null | tail -n 1 | grep .
}
opens() { # NAME WHAT: its window is $window; the point is called WHAT
	window=
	if wait_for -t 120 window "$1"; then
		window=$(window "$1")
		pass "$2"
	else
		fail "$2"
		diag "windows: $(me xdotool search --onlyvisible --name . getwindowname %@ 2>&1)"
		[[ -z $shots ]] || me import -window root png:- >"$shots/failed.png"
		return 1
	fi
}
picture() { # ID: a PNG of the window
	me import -window "$1" png:- 2>/dev/null
}
coloured() { # ID COLOUR: has the window at least 300 dots of exactly this colour?
	local dots
	dots=$(picture "$1" | convert png:- -fill black +opaque "$2" -fill white -opaque "$2" \
		-format '%[fx:int(mean*w*h+0.5)]' info:)
	[[ $dots -ge 300 ]]
}
shows() { # COLOUR WHAT: in $window
	if wait_for -t 60 coloured "$window" "$1"; then
		pass "$2"
	else
		fail "$2"
		[[ -z $shots ]] || picture "$window" >"$shots/failed.png"
	fi
}
settled() { # ID: is it drawn to the end?
	local before
	before=$(picture "$1" | sha256sum)
	sleep 0.5
	[[ $before == $(picture "$1" | sha256sum) ]]
}
shoot() { # NAME: keep a picture of $window
	[[ -n $shots ]] || return 0
	mkdir -p "$shots"
	me timeout 20 xdotool windowactivate --sync "$window" || true
	wait_for -t 20 settled "$window" || true
	me import -frame -window "$window" png:- | convert png:- -strip +dither -colors 255 -define png:compression-level=9 \
		"PNG8:$shots/$1.png"
	diag "kept $shots/$1.png"
}
office() {
	me soffice "-env:UserInstallation=file://$home/office" --norestore --nologo "$@"
}

# ---- a laptop with documents ----
desk=$WORK/made/both/Users/alice
documents=(plan.txt)
mkdir -p "$desk/Documents" "$desk/Pictures"
printf 'Move the office by the end of May.\n' >"$desk/Documents/plan.txt"
printf 'item,euro\ndesks,1200\nchairs,860\nlamps,140\n' >"$WORK/made/budget.csv"
convert -size 640x480 -seed 7 plasma:navy-orange -blur 0x3 -fill "$orange" -draw 'rectangle 0,400 640,480' "$desk/Pictures/harbour.png"
convert -size 640x480 -seed 8 plasma:green-white -blur 0x3 -fill "$orange" -draw 'rectangle 0,0 640,80' "$desk/Pictures/quay.jpg"
convert -size 640x480 -seed 9 plasma:red-yellow -blur 0x3 "$desk/Pictures/sunset.jpg"
cp "$desk/Pictures/harbour.png" "$desk/Documents/crane.png"
if have "LibreOffice" soffice pdftotext; then
	cp "$TOP/tests/helpers/letter.fodt" "$WORK/made"
	mkdir -m 0777 "$WORK/made/office"
	for i in odt docx pdf; do
		office --headless --convert-to "$i" --outdir "$WORK/made/office" "$WORK/made/letter.fodt" >"$OUT" 2>&1
	done
	for i in ods xlsx; do
		office --headless --convert-to "$i" --outdir "$WORK/made/office" "$WORK/made/budget.csv" >"$OUT" 2>&1
	done
	documents+=(letter.odt letter.docx letter.pdf budget.ods budget.xlsx)
	for i in "${documents[@]:1}"; do
		cp "$WORK/made/office/$i" "$desk/Documents" || bail "LibreOffice made no $i: $(cat "$OUT")"
	done
else
	python3 "$TOP/tests/helpers/documents.py" "$WORK/made/more"
	cp "$WORK/made/more/Documents/report.pdf" "$desk/Documents/letter.pdf"
fi
find "$WORK/made/both" -depth -exec touch -d '2024-03-05 08:31:10' {} +
mkdir "$WORK/images"
make_disk "$WORK/made" "$WORK/images/laptop" || bail "no disk: $(cat "$WORK/images/laptop.work/log")"
chmod a+r "$WORK/images/laptop.E01"

mnt=$home/evidence
track_mount "$mnt"
me mkdir "$mnt"
ok "mounted as an ordinary user" me "$EVIDENCEFS" mount "$WORK/images/laptop.E01" "$mnt"
[[ $tap_failed == 0 ]] || bail "nothing to look at"
ntfs=$mnt/laptop/p1-ntfs/Users/alice
ext4=$mnt/laptop/p2-ext4/Users/alice
list() {
	me find "$ntfs" "$ext4" -printf '%p %s %T@ %m %i\n' | sort
}
before=$(list)

# ---- LibreOffice ----
if [[ -n $(type -P soffice) && -e $desk/Documents/letter.odt ]]; then
	for i in letter.odt letter.docx budget.ods budget.xlsx; do
		folder=$ntfs
		[[ $i != *.*x ]] || folder=$ext4
		ok "LibreOffice converts $i" office --headless --convert-to pdf --outdir "$home/Copies" "$folder/Documents/$i"
		like "$(me pdftotext -layout "$home/Copies/${i%.*}.pdf" - | tr -s ' \n' ' ')" 'desks 1200 chairs 860' "and has its contents"
		me rm -f "$home/Copies/${i%.*}.pdf"
	done
	tap_run office --headless --convert-to pdf --outdir "$ext4/Documents" "$ext4/Documents/letter.docx"
	like "$(cat "$OUT" "$ERR")" 'Error' "it says so when it cannot write there"
	tap_run office --headless --convert-to odt:writer8 --outdir "$ntfs/Documents" "$ntfs/Documents/letter.odt"
	like "$(cat "$OUT" "$ERR")" 'Error' "nor over the document itself"
	is "$(list)" "$before" "and nothing is left"
	for i in letter.odt letter.docx budget.xlsx; do
		start office soffice "-env:UserInstallation=file://$home/office" --norestore --nologo "$ntfs/Documents/$i"
		if opens "$i.*LibreOffice" "LibreOffice opens $i in a window"; then
			like "$(me xdotool getwindowname "$window")" 'read-only' "and says that it is read-only"
			case $i in
			letter.*) shows "$blue" "the letter is seen" ;;
			esac
			[[ $i == letter.odt ]] || shoot "libreoffice-${i#*.}"
			is "$(list)" "$before" "no lock is left beside it"
			me timeout 20 xdotool windowactivate --sync "$window" key ctrl+q
		fi
		wait_for -t 60 gone "$started" || { fail "LibreOffice leaves" && kill "$started"; }
	done
fi

# ---- a file manager ----
thumbnails() { # COUNT: are there that many, of files on the mount?
	[[ $(me grep -raslF "file://$mnt/" "$home/.cache/thumbnails" | wc -l) -ge $1 ]]
}
pictured() { # are they seen? A busy Thunar can miss that one was made, until it reads the folder again
	wait_for -t 20 coloured "$window" "$orange" && return
	me timeout 20 xdotool windowactivate --sync "$window" key F5
	return 1
}
manager() { # INTERFACE.METHOD ARGUMENT...
	me gdbus call --session --dest org.xfce.FileManager --object-path "$1" --method "$2" "${@:3}"
}
have "Thunar" thunar && {
	start thunar thunar "$ntfs/Pictures"
	if opens 'Pictures' "Thunar opens a folder"; then
		me timeout 20 xdotool windowsize --sync "$window" 900 560 || true
		if [[ -n $(find /usr/lib -name tumblerd 2>/dev/null) ]]; then
			ok "thumbnails of all its pictures are made" wait_for -t 60 thumbnails 3
			ok "and seen" wait_for -t 120 pictured
		else
			skip "tumbler is not installed" "thumbnails"
		fi
		shoot thunar-pictures
		like "$(manager /org/freedesktop/FileManager1 org.freedesktop.FileManager1.ShowItemProperties \
			"['file://$ntfs/Pictures/harbour.png']" '' 2>&1)" '\(\)' "asked for properties"
		opens 'harbour.png.*Properties' "Thunar shows properties" && {
			shoot thunar-properties
			me timeout 20 xdotool windowactivate --sync "$window" key Escape
		}
		manager /org/freedesktop/FileManager1 org.freedesktop.FileManager1.ShowFolders \
			"['file://$ext4/Documents']" '' >"$OUT" 2>&1
		opens 'Documents' "Thunar opens a folder of documents" && {
			me timeout 20 xdotool windowsize --sync "$window" 900 560 || true
			shoot thunar-documents
		}
		manager /org/xfce/FileManager org.xfce.FileManager.CopyInto "$home" \
			"['file://$ntfs/Pictures/harbour.png', 'file://$ext4/Documents']" "file://$home/Copies" "$DISPLAY" '' >"$OUT" 2>&1
		copied() {
			me cmp "$home/Copies/harbour.png" "$desk/Pictures/harbour.png" &&
				me diff -r -x '*.d' "$home/Copies/Documents" "$desk/Documents" # but for what is in a document
		}
		ok "Thunar copies a file and a folder out" wait_for -t 60 copied
		is "$(stat -c %y "$home/Copies/harbour.png")" "2024-03-05 08:31:10.000000000 +0000" "with their times"
		manager /org/xfce/FileManager org.xfce.FileManager.CopyInto "$home" \
			"['file://$home/Copies/harbour.png']" "file://$ext4/Documents" "$DISPLAY" '' >"$OUT" 2>&1
		opens '^(Attention|Error|Thunar)$' "and says so when something cannot be copied in" && shoot thunar-refused
		is "$(list)" "$before" "it left nothing there"
	fi
	kill "$started"
	wait_for gone "$started"
}

# ---- viewers ----
have "Evince" evince && {
	start evince evince "$ext4/Documents/letter.pdf"
	if opens 'letter.pdf' "Evince opens a PDF"; then
		[[ ! -e $desk/Documents/letter.odt ]] || shows "$blue" "and shows it"
		shoot evince
	fi
	kill "$started"
	wait_for gone "$started"
}
have "Ristretto" ristretto && {
	start ristretto ristretto "$ntfs/Pictures/harbour.png"
	if opens 'harbour.png' "Ristretto opens a picture"; then
		shows "$orange" "and shows it"
		shoot ristretto
	fi
	kill "$started"
	wait_for gone "$started"
}

# ---- what they left, and what is known of them ----
is "$(list)" "$before" "nothing changed, and nothing is left beside a document"
for i in "${documents[@]}"; do
	ok "$i is what it was" me cmp "$ntfs/Documents/$i" "$desk/Documents/$i"
done
ok "the access log" me "$EVIDENCEFS" audit show --mount "$mnt" --json --type open
cp "$OUT" "$WORK/opens"
named() { # PROGRAM PATH: an opening of PATH by PROGRAM
	grep -F "\"path\":\"$2\"" "$WORK/opens" | grep -q "\"exe\":\"[^\"]*/$1\"" && return
	diag "openings of $2: $(grep -F "\"path\":\"$2\"" "$WORK/opens" | grep -o '"exe":"[^"]*"' | sort | uniq -c)"
	return 1
}
while read -r program file path; do
	[[ -n $(type -P "$program") && -e $desk/${path#*/Users/alice/} ]] || continue
	ok "the log names $program" named "$file" "laptop/$path"
done <<-'PATHS'
	soffice soffice.bin p1-ntfs/Users/alice/Documents/letter.odt
	soffice soffice.bin p2-ext4/Users/alice/Documents/letter.docx
	thunar [Tt]hunar p1-ntfs/Users/alice/Pictures/harbour.png
	evince evince p2-ext4/Users/alice/Documents/letter.pdf
	ristretto ristretto p1-ntfs/Users/alice/Pictures/harbour.png
PATHS
[[ -z $(type -P thunar) ]] || ! grep -q tumblerd "$WORK/opens" ||
	ok "the log names tumblerd" named tumblerd laptop/p1-ntfs/Users/alice/Pictures/sunset.jpg
for ((i = ${#test_pids[@]} - 1; i >= 0; i--)); do # the screen and the bus last: what still hangs on them goes
	kill "${test_pids[i]}" 2>/dev/null || continue
	wait_for gone "${test_pids[i]}" || true
done
ok "unmount" wait_for -t 60 me "$EVIDENCEFS" unmount "$mnt"
done_testing
