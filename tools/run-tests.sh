#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# run-tests.sh [STAGE...] - install what tests need and run them; this script is the CI
#
# Stages, in this order when none is named:
#   lint        layout, layers, shell scripts, file lists, man pages, white space, licence heads
#   build-gcc   everything compiled by gcc, warnings are errors
#   build-clang the same by clang
#   check       unit tests and tests on real mounts (make check)
#   asan        the same under the address, leak and undefined sanitizers
#   tsan        what shares most between threads, under the thread sanitizer
#   fuzz        the inputs kept in fuzz/corpus through the fuzzers
#   distcheck   the tarball builds, tests, installs and removes itself
#   corpus      images made by others, if ../shared/evidence is there
# It works on a copy of the tree, in a folder of its own below ${TMPDIR:-/tmp}, which is kept
# when something failed. The last line is `N passed, N failed, N skipped`; exits 1 if any failed.
# EVIDENCEFS_REQUIRE=fuse,users,tools makes a lack of these a failure instead of a skip.
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC0 PATH=$PATH:/usr/sbin:/sbin

all_stages=(lint build-gcc build-clang check asan tsan fuzz distcheck corpus)
packages=(
	gcc libc6-dev make autoconf automake pkg-config libfuse3-dev libsqlite3-dev libssl-dev
	libseccomp-dev libdeflate-dev libarchive-dev libgmime-3.0-dev libxml2-dev libpff-dev libbfio-dev
	libmupdf-dev libmujs-dev libgumbo-dev libopenjp2-7-dev libjbig2dec0-dev libjpeg-dev libfreetype-dev
	libharfbuzz-dev
	liblzma-dev libxxhash-dev libtsk-dev fuse3 attr
	clang libclang-rt-dev clang-format shellcheck mandoc
	fdisk parted ntfs-3g e2fsprogs dosfstools mtools exfatprogs exfat-fuse ewf-tools sleuthkit mount
	apfsprogs makefs pst-utils xorriso python3 openssl xz-utils bzip2 zstd cpio libarchive-tools procps
	# programs that people use on a mount, from the command line and on a desktop
	rsync file zip unzip p7zip-full git ripgrep sqlite3 poppler-utils libimage-exiftool-perl testdisk clamav
	thunar tumbler libreoffice-writer libreoffice-calc evince ristretto
	xvfb openbox imagemagick dbus-x11 dbus-daemon libglib2.0-bin x11-utils xdotool
)

usage() {
	echo "usage: run-tests.sh [STAGE...]   stages: ${all_stages[*]}"
}

stages=("$@")
for stage in "${stages[@]}"; do
	case $stage in
	-h | --help)
		usage
		exit 0
		;;
	esac
	if [[ " ${all_stages[*]} " != *" $stage "* ]]; then
		usage >&2
		exit 2
	fi
done
[[ ${#stages[@]} -gt 0 ]] || stages=("${all_stages[@]}")

cd "$(dirname "$0")/.."
top=$PWD
jobs=$(nproc)
work=$(mktemp -d "${TMPDIR:-/tmp}/evidencefs-run-tests.XXXXXX")
chmod 0755 "$work" # tests run the programs as a second user
source=$work/source
passed=0 failed=0 skipped=0
stage_passed=0 stage_failed=0 stage_skipped=0
summary=() again=()

result() { # ok|failed|skipped WORDS
	case $1 in
	ok) stage_passed=$((stage_passed + 1)) ;;
	failed) stage_failed=$((stage_failed + 1)) ;;
	skipped) stage_skipped=$((stage_skipped + 1)) ;;
	esac
	printf '%-7s %s\n' "$1" "$2"
}

# try WORDS COMMAND...: one test; what the command printed is shown when it fails
try() {
	local words=$1 log
	shift
	log=$work/log.$((stage_passed + stage_failed)).$stage
	if "$@" >"$log" 2>&1 </dev/null; then
		result ok "$words"
	else
		result failed "$words"
		tail -n 40 "$log" | sed 's/^/    /'
		return 1
	fi
}

install_packages() {
	local package
	local -a missing=()
	if [[ -z $(type -P dpkg-query) ]]; then
		echo "not a Debian system: these must be there: ${packages[*]}"
		return
	fi
	for package in "${packages[@]}"; do
		[[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] ||
			missing+=("$package")
	done
	[[ ${#missing[@]} -gt 0 ]] || return 0
	if [[ $(id -u) != 0 ]]; then
		echo "not installed, and only root can: ${missing[*]}"
		return
	fi
	echo "installing ${missing[*]}"
	export DEBIAN_FRONTEND=noninteractive
	if ! { apt-get update -q && apt-get install -q -y --no-install-recommends "${missing[@]}"; } \
		>"$work/apt.log" 2>&1; then
		tail -n 20 "$work/apt.log"
		echo "run-tests: the packages could not be installed: ${missing[*]}" >&2
		exit 1
	fi
}

open_fuse() {
	if [[ $(id -u) == 0 && -c /dev/fuse && $(stat -c %a /dev/fuse) == 600 ]]; then
		echo "/dev/fuse was 0600: making it 0666, Debian's usual mode, for the tests as a user"
		chmod 0666 /dev/fuse
	fi
}

# A copy without anything built: out-of-tree builds need a clean source folder.
copy_source() {
	mkdir "$source"
	tar -c --exclude=./.git --exclude=./Makefile --exclude=./config.log --exclude=./config.status \
		--exclude=./autom4te.cache --exclude=./evidencefs --exclude=./evidencefsd --exclude=./evidencefs-worker --exclude=./evidencefs-keyd \
		--exclude='*.o' --exclude='*.a' --exclude='*.log' --exclude='*.trs' --exclude=.deps \
		--exclude=.dirstamp --exclude='./evidencefs-[0-9]*' . | tar -x -C "$source"
	find "$source/tests/unit" "$source/fuzz" -maxdepth 1 -type f -executable ! -name '*.*' -delete
}

make_configure() {
	[[ -x $source/configure ]] || (cd "$source" && try "autogen.sh" ./autogen.sh)
}

# build NAME CONFIGURE-ARGUMENT...: programs and unit tests, in $work/NAME
build() {
	local dir=$work/$1
	shift
	[[ ! -e $dir/.built ]] || return 0
	make_configure || return 1
	mkdir -p "$dir"
	cd "$dir"
	try "configure $*" "$source/configure" "$@" || return 1
	try "make" make -j "$jobs" || return 1
	try "make the unit tests" make -j "$jobs" check TESTS= || return 1
	touch .built
	cd "$top"
}

# count_tests DIR: add up the points that `make check` left in DIR/tests
count_tests() {
	local log point failures
	while IFS= read -r log; do
		failures=0
		while IFS= read -r point; do
			case $point in
			PASS:* | XFAIL:*) stage_passed=$((stage_passed + 1)) ;;
			SKIP:*) result skipped "${point#SKIP: }" ;;
			'ERROR: '*' - exited with status 1')
				# said of every test with a failed point
				[[ $failures -gt 0 ]] || result failed "${point#ERROR: }"
				;;
			*)
				failures=$((failures + 1))
				result failed "${point#*: }"
				;;
			esac
		done < <(grep -aE '^(PASS|XFAIL|SKIP|FAIL|XPASS|ERROR): tests/' "$log")
		if [[ $failures -gt 0 ]]; then
			grep -avE '^(ok|PASS:|FAIL:)' "$log" | tail -n 40 | sed 's/^/    /'
		fi
	done < <(find "$1/tests" -name '*.log' | sort)
}

# run_check DIR [TESTS]: make check; its status
run_check() {
	local status=0
	# through a pipe: sandboxed processes may not make files longer, and stderr would be one
	timeout -k 60 3600 make -C "$1" -j "$jobs" check ${2:+TESTS="$2"} 2>&1 </dev/null |
		cat >"$work/log.check.$stage" || status=$?
	return "$status"
}

# failed_mounts DIR: the tests on mounts that failed in it; unit tests have no second try
failed_mounts() {
	(cd "$1" && find tests -maxdepth 1 -name '*.log' -exec \
		grep -laE '^(FAIL|XPASS|ERROR): tests/' {} + | sed 's/log$/sh/' | sort)
}

# Tests on mounts share a busy machine with another one. One that failed beside it is run again
# alone; what failed first is shown, and its log is kept: it is still something to be mended.
try_again() { # DIR
	local -a tests=()
	local test
	mapfile -t tests < <(failed_mounts "$1")
	[[ ${#tests[@]} -gt 0 && ${#tests[@]} -le 3 ]] || return 0
	mkdir -p "$work/first.$stage"
	for test in "${tests[@]}"; do
		printf '%-7s %s\n' again "$test"
		grep -aE '^(FAIL|XPASS|ERROR): tests/' "$1/${test%.sh}.log" | sed 's/^/    /'
		cp "$1/${test%.sh}.log" "$work/first.$stage"
		again+=("$stage ${test##*/}")
		jobs=1 run_check "$1" "$test" || true
	done
}

check_in() { # DIR [TESTS]
	local status=0
	run_check "$@" || status=$?
	try_again "$1"
	count_tests "$1"
	if [[ $status != 0 && $stage_failed == 0 && ! -d $work/first.$stage ]]; then
		result failed "make check (status $status)"
		tail -n 40 "$work/log.check.$stage" | sed 's/^/    /'
	fi
}

sources_of() { # PATTERN...: files of the copy, NUL-terminated
	local -a names=()
	local pattern
	for pattern; do
		names+=(-o -name "$pattern")
	done
	find "$source" -path "$source/build-aux" -prune -o -path "$source/autom4te.cache" -prune -o \
		-path "$source/fuzz/corpus" -prune -o -type f \( "${names[@]:1}" \) -print0
}

lint_layout() {
	sources_of '*.c' '*.h' | xargs -0 clang-format --dry-run -Werror
}

lint_shell() {
	sources_of '*.sh' | xargs -0 shellcheck -x &&
		shellcheck -s bash "$source/.ci/run" "$source/completions/evidencefs"
}

lint_man() {
	mandoc -Tlint -Wwarning "$source"/man/*.[1-9]
}

lint_white_space() {
	! sources_of '*.c' '*.h' '*.sh' '*.md' '*.am' '*.ac' '*.[1-9]' '*.py' |
		xargs -0 grep -nE '[[:blank:]]+$'
}

lint_licence() {
	! sources_of '*.c' '*.h' '*.sh' '*.am' '*.ac' '*.[1-9]' '*.py' |
		xargs -0 grep -L 'SPDX-License-Identifier: Apache-2.0' | grep .
}

# what is there is built, run or distributed
lint_lists() {
	local file unlisted=0
	while IFS= read -r file; do
		if ! grep -qE "(^|[[:blank:]])${file//./\\.}([[:blank:]]|\$)" "$source/Makefile.am" &&
			! grep -qE "(^|[[:blank:]])${file%.c}([[:blank:]]|\$)" "$source/Makefile.am"; then
			echo "$file is not in Makefile.am"
			unlisted=1
		fi
	done < <(cd "$source" && find src tests fuzz docs tools man completions dist -path fuzz/corpus -prune -o \
		-path '*/__pycache__' -prune -o -type f -print)
	return "$unlisted"
}

stage_lint() {
	try "clang-format" lint_layout || true
	try "layers of src/" "$source/tools/check-layers.sh" || true
	try "shellcheck" lint_shell || true
	try "Makefile.am has every file" lint_lists || true
	try "man pages" lint_man || true
	try "no trailing white space" lint_white_space || true
	try "licence heads" lint_licence || true
}

stage_build-gcc() {
	build build-gcc CC=gcc --enable-werror || true
}

stage_build-clang() {
	build build-clang CC=clang --enable-werror || true
}

stage_check() {
	build build-gcc CC=gcc --enable-werror || return 0
	check_in "$work/build-gcc"
}

# does leak detection work here? (it needs ptrace, which some containers forbid)
leaks_work() {
	printf 'int main(void) { return 0; }\n' >"$work/leak.c"
	gcc -fsanitize=address -o "$work/leak" "$work/leak.c" &&
		ASAN_OPTIONS=detect_leaks=1 "$work/leak"
}

stage_asan() {
	local leaks=1 report
	# not --enable-werror: gcc sees faults that are none in what the sanitizers add
	build build-asan CC=gcc --enable-sanitizers=address,undefined \
		CFLAGS='-O1 -g' || return 0
	if ! leaks_work >/dev/null 2>&1; then
		leaks=0
		result skipped "leak detection does not work on this machine"
	fi
	mkdir "$work/reports"
	chmod 1777 "$work/reports" # workers run under other uids
	export ASAN_OPTIONS=detect_leaks=$leaks:log_path=$work/reports/report
	export UBSAN_OPTIONS=print_stacktrace=1:log_path=$work/reports/report
	check_in "$work/build-asan"
	unset ASAN_OPTIONS UBSAN_OPTIONS
	# also of processes that no test waits for
	for report in "$work"/reports/*; do
		# an allocation that is refused, as a worker's limits refuse it, is no defect
		grep -qv 'WARNING: AddressSanitizer failed to allocate' "$report" || continue
		result failed "sanitizer report ${report##*/}"
		head -n 40 "$report" | sed 's/^/    /'
	done
}

# the pins, the pool of workers and its cache, the log, sessions; 64 readers on a mount
tsan_tests='tests/unit/t-pin tests/unit/t-ahead tests/unit/t-raw tests/unit/t-content tests/unit/t-client tests/unit/t-audit
	tests/40-readers.sh'

stage_tsan() {
	local report
	build build-tsan CC=gcc --enable-sanitizers=thread CFLAGS='-O1 -g' || return 0
	mkdir "$work/races"
	chmod 1777 "$work/races"
	export TSAN_OPTIONS=log_path=$work/races/report
	check_in "$work/build-tsan" "${tsan_tests//$'\n\t'/ }"
	unset TSAN_OPTIONS
	for report in "$work"/races/*; do
		[[ -e $report ]] || continue
		result failed "sanitizer report ${report##*/}"
		head -n 40 "$report" | sed 's/^/    /'
	done
}

stage_fuzz() {
	local fuzzer name
	local -a inputs
	build build-fuzz CC=clang --enable-fuzzers --enable-sanitizers=address,undefined \
		CFLAGS='-O1 -g' || return 0
	for fuzzer in "$work"/build-fuzz/fuzz/fuzz-*; do
		[[ -x $fuzzer ]] || continue
		name=${fuzzer##*/fuzz-}
		mapfile -d '' -t inputs < <(find "$source/fuzz/corpus/$name" -type f -print0 2>/dev/null)
		if [[ ${#inputs[@]} == 0 ]]; then
			result skipped "fuzz-$name: no inputs in fuzz/corpus/$name"
		else
			try "fuzz-$name: ${#inputs[@]} inputs" timeout -k 10 600 "$fuzzer" -rss_limit_mb=2048 "${inputs[@]}" || true
		fi
	done
}

# run_distcheck LOG [TESTS]: what takes long ran in the stages before; here it is the tarball that
# is looked at
run_distcheck() {
	EVIDENCEFS_QUICK=1 timeout -k 60 1500 make -j "$jobs" distcheck \
		AM_DISTCHECK_CONFIGURE_FLAGS=--enable-werror ${2:+TESTS="$2"} 2>&1 </dev/null | cat >"$1"
}

distcheck_failures() { # LOG; none where something else than a test failed
	{ grep -aE '^(FAIL|XPASS|ERROR): tests/' "$1" || true; } | sort -u
}

# As of the other stages' tests: those on mounts have a second try, all of distcheck with it.
distcheck_again() { # LOG
	local -a tests=()
	mapfile -t tests < <(distcheck_failures "$1" | sed 's/^[A-Z]*: //; s/ .*//' | sort -u)
	[[ ${#tests[@]} -gt 0 && ${#tests[@]} -le 3 && ${tests[*]} != *tests/unit/* ]] || return 1
	printf '%-7s %s\n' again "${tests[*]}"
	distcheck_failures "$1" | sed 's/^/    /'
	again+=("${tests[@]/#tests\//distcheck }")
	jobs=1 run_distcheck "$1.again" "${tests[*]}"
}

stage_distcheck() {
	local dir=$work/build-dist log=$work/log.distcheck
	make_configure || return 0
	mkdir -p "$dir"
	cd "$dir"
	try "configure" "$source/configure" CC=gcc || return 0
	if run_distcheck "$log" || distcheck_again "$log"; then
		result ok "make distcheck"
	else
		result failed "make distcheck"
		distcheck_failures "$log" | sed 's/^/    /'
		[[ ! -e $log.again ]] || log=$log.again
		tail -n 40 "$log" | sed 's/^/    /'
	fi
	cd "$top"
}

# unpacked once, and kept for the next run; tests find it by EVIDENCEFS_CORPUS
unpack_corpus() {
	local shared=$top/../shared
	[[ -z ${EVIDENCEFS_CORPUS:-} && -r $shared/evidence/UNPACK.sh ]] || return 0
	if [[ ! -d /tmp/corpus ]]; then
		echo "unpacking ../shared/evidence to /tmp/corpus"
		cp -a "$shared/evidence" "$work/corpus"
		chmod -R u+w "$work/corpus"
		sh "$work/corpus/UNPACK.sh" >"$work/unpack.log" 2>&1 || true # some are damaged on purpose
		mv -T "$work/corpus" /tmp/corpus
	fi
	export EVIDENCEFS_CORPUS=/tmp/corpus
}

# what is expected of raw, split and E01 images with file systems that are read
expected_lines() {
	python3 - "$1" <<-'PYTHON'
		import json, sys
		kinds = {"ntfs", "fat12", "fat16", "fat32", "exfat", "ext2", "ext3", "ext4", "iso9660", "hfs",
		         "ufs", "yaffs2", "apfs"}
		others = (".qcow2", ".vhd", ".vhdx", ".vmdk", ".vdi", ".aff", ".aff4", ".dmg", ".Ex01")
		for line in open(sys.argv[1]):
		    entry = json.loads(line)
		    if entry["fs"] in kinds and not entry["image"].endswith(others):
		        if entry["fs"] == "ntfs" and entry.get("mtime") == 3373865674:
		            del entry["mtime"]  # never set, 1601-01-01: libtsk's 32 bits make it 2076
		        print(json.dumps(entry))
	PYTHON
}

stage_corpus() {
	local line compare=$top/../shared/tools/compare_mount.py
	local expected=$top/../shared/evidence/expected/files.jsonl
	if [[ -z ${EVIDENCEFS_CORPUS:-} || ! -r $compare || ! -r $expected ]]; then
		result skipped "no images made by others: ../shared is not there"
		return
	fi
	build build-gcc CC=gcc --enable-werror || return 0
	expected_lines "$expected" >"$work/expected.jsonl"
	timeout -k 60 900 python3 "$compare" --evidence "$EVIDENCEFS_CORPUS" --expected "$work/expected.jsonl" \
		--evidencefs "$work/build-gcc/evidencefs" >"$work/corpus.log" 2>&1 </dev/null || true
	while IFS= read -r line; do
		case $line in
		'ok '*) result ok "${line#ok }" ;;
		'NOT OK '*) result failed "${line#NOT OK }" ;;
		*) printf '        %s\n' "$line" ;;
		esac
	done <"$work/corpus.log"
	[[ $stage_passed != 0 || $stage_failed != 0 ]] || result failed "no image was compared"
}

install_packages
open_fuse
copy_source
unpack_corpus
for stage in "${stages[@]}"; do
	stage_passed=0 stage_failed=0 stage_skipped=0
	began=$SECONDS
	printf '\n== %s\n' "$stage"
	"stage_$stage"
	cd "$top"
	passed=$((passed + stage_passed))
	failed=$((failed + stage_failed))
	skipped=$((skipped + stage_skipped))
	summary+=("$(printf '%-12s %5d passed %4d failed %4d skipped %5d s' \
		"$stage" "$stage_passed" "$stage_failed" "$stage_skipped" $((SECONDS - began)))")
done

printf '\n'
printf '%s\n' "${summary[@]}"
[[ ${#again[@]} == 0 ]] || printf 'passed or failed only when run again, alone: %s\n' "${again[@]}"
if [[ $failed == 0 ]]; then
	chmod -R u+w "$work"
	rm -rf --one-file-system "$work"
else
	echo "logs and builds are kept in $work"
fi
echo "$passed passed, $failed failed, $skipped skipped"
[[ $failed == 0 ]]
