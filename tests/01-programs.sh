#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The two programs: who links what, what is hardened, version and help.
set -eu
. "$(dirname "$0")/lib.sh"
need_tools ldd readelf

service=$(ldd "$EVIDENCEFS") # with what its libraries link
daemon=$(ldd "$EVIDENCEFSD")
worker=$(readelf -dW "$WORKER" | grep NEEDED)
for library in libtsk libewf libbfio libpff libgmime libdeflate libarchive; do
	if [[ $service == *"$library"* ]]; then
		fail "the mounting process does not link $library"
	else
		pass "the mounting process does not link $library"
	fi
	if [[ $daemon == *"$library"* ]]; then
		fail "evidencefsd does not link $library"
	else
		pass "evidencefsd does not link $library"
	fi
done
like "$worker" libtsk "the worker links libtsk"
for library in libewf libfuse libsqlite3; do
	if [[ $worker == *"$library"* ]]; then
		fail "the worker does not link $library"
	else
		pass "the worker does not link $library"
	fi
done

# libtsk's own calls of the functions that src/fs/fix* define again must end there
bindings=$(LD_BIND_NOW=1 LD_DEBUG=bindings "$WORKER" </dev/null 2>&1 | grep -E 'libtsk[^ ]* .* to [^ ]*evidencefs-worker' || true)
for function in tsk_fs_attr_add_run tsk_fs_attr_append_run tsk_fs_dir_add tsk_fs_dir_contains tsk_UTF16toUTF8 \
	tsk_fs_unix_make_data_run fatfs_cleanup_ascii fatfs_utf16_inode_str_2_utf8; do
	like "$bindings" "\`$function'" "libtsk calls our $function"
done

# and no others: libtsk has functions of its own with names that ours have too
for function in raw_open ewf_open; do
	if [[ $bindings == *"\`$function'"* ]]; then
		fail "libtsk calls its own $function"
	else
		pass "libtsk calls its own $function"
	fi
done

for program in "$EVIDENCEFS" "$EVIDENCEFSD" "$WORKER"; do
	name=${program##*/}
	like "$(readelf -h "$program")" 'DYN' "$name is position independent"
	like "$(readelf -lW "$program")" 'GNU_RELRO' "$name has read-only relocations"
	like "$(readelf -dW "$program")" 'NOW' "$name binds everything at start"
	like "$(readelf -lW "$program" | grep GNU_STACK)" ' RW ' "$name has no executable stack"
done

exits 0 "--version" "$EVIDENCEFS" --version
like "$(cat "$OUT")" '^evidencefs [0-9]+\.[0-9]+\.[0-9]+' "--version prints the version"
exits 0 "help" "$EVIDENCEFS" help
for command in mount unmount state audit; do
	like "$(cat "$OUT")" "$command" "help names $command"
	exits 0 "$command --help" "$EVIDENCEFS" "$command" --help
	"$EVIDENCEFS" help >"$OUT"
done
exits 2 "an unknown command is a usage error" "$EVIDENCEFS" no-such-command
exits 2 "no command is a usage error" "$EVIDENCEFS"
exits 0 "evidencefsd --version" "$EVIDENCEFSD" --version
like "$(cat "$OUT")" '^evidencefsd [0-9]+\.[0-9]+\.[0-9]+' "--version prints the version"
exits 0 "evidencefsd --help" "$EVIDENCEFSD" --help
for option in --config --foreground; do
	like "$(cat "$OUT")" "$option" "--help names $option"
done
exits 2 "an unknown option is a usage error" "$EVIDENCEFSD" --no-such-option
exits 2 "an argument is a usage error" "$EVIDENCEFSD" argument
exits 2 "the service cannot be started by hand" "$EVIDENCEFSD" --service
done_testing
