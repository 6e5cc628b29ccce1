#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Inputs that once mattered to a fuzzer still do no harm, with this compiler and these switches.
set -eu
. "$(dirname "$0")/lib.sh"
shopt -s nullglob

for folder in "$TOP"/fuzz/corpus/*/; do
	name=$(basename "$folder")
	inputs=("$folder"*)
	if [[ ! -x $BUILD/fuzz/fuzz-$name ]]; then
		skip "fuzz-$name is not built" "fuzz-$name"
	else
		ok "fuzz-$name: ${#inputs[@]} inputs" "$BUILD/fuzz/fuzz-$name" "${inputs[@]}"
	fi
done
[[ $tap_count -gt 0 ]] || skip_all "there is no fuzz/corpus"
done_testing
