#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# check-layers.sh - who may include whom
#
# (a) A folder of src/ includes only from itself and from those before it.
# (b) A library's header is included only in its one place.
# Prints each line that breaks a rule; exits 1 if there is one.
set -euo pipefail
cd "$(dirname "$0")/.."

layers=(base image volume fs container text trace worker ingest serve audit keyd catalog policy mount starter control cmd)
# worker/ is the process that parses: it hands entries on and knows no index
forbidden_pairs=("worker trace")

# header pattern (extended regex on what stands between < and >) : files it may stand in
libraries=(
	'tsk/.*:src/volume/*|src/fs/*'
	'libdeflate\.h:src/image/ewf*|src/container/gunzip.c'
	'archive.*:src/container/archive.c'
	'gmime/.*:src/container/mime*'
	'iconv\.h:src/container/mime*|src/text/charset.c'
	'glib\.h:src/text/fold.c'
	'mupdf/.*:src/text/pdf.c'
	'libxml/.*:src/text/markup.c'
	'libpff\.h|libbfio\.h:src/container/pst_file.c|src/container/pst_property.c'
	'lzma\.h:src/audit/unxz.c'
	'xxhash\.h:src/base/hash64.c'
	'seccomp\.h:src/worker/sandbox.c|src/keyd/sandbox.c|src/starter/service_sandbox.c'
	'openssl/.*:src/base/digest.c|src/audit/*'
	'sqlite3\.h:src/base/db.c'
	'fuse.*|linux/fuse\.h:src/mount/*'
	'linux/landlock\.h:src/worker/sandbox.c|src/starter/service_sandbox.c'
	'libewf.*|zlib\.h:'
)

bad=0
complain() {
	printf '%s\n' "$*"
	bad=1
}

position() {
	local i
	for i in "${!layers[@]}"; do
		if [[ ${layers[i]} == "$1" ]]; then
			echo "$i"
			return
		fi
	done
	echo -1
}

# allowed FILE "GLOB|GLOB": does the file's path match one of the globs?
allowed() {
	local file=$1 glob
	local -a globs
	IFS='|' read -ra globs <<<"$2"
	for glob in "${globs[@]}"; do
		# shellcheck disable=SC2053 # a glob is meant
		[[ $file == $glob ]] && return 0
	done
	return 1
}

while IFS= read -r file; do
	folder=${file#src/}
	folder=${folder%%/*}
	here=$(position "$folder")
	if [[ $here -lt 0 ]]; then
		complain "$file: folder '$folder' is not in the list of layers"
		continue
	fi
	while IFS=: read -r line text; do
		if [[ $text =~ \"([^\"]+)\" ]]; then
			header=${BASH_REMATCH[1]}
			target=${header%%/*}
			if [[ $header != */* || ! -e src/$header ]]; then
				complain "$file:$line: \"$header\": headers are named from src/"
				continue
			fi
			if [[ $(position "$target") -gt $here ]]; then
				complain "$file:$line: $folder/ must not include from $target/"
			fi
			for pair in "${forbidden_pairs[@]}"; do
				[[ "$folder $target" == "$pair" ]] &&
					complain "$file:$line: $folder/ must not include from $target/"
			done
		elif [[ $text =~ \<([^\>]+)\> ]]; then
			header=${BASH_REMATCH[1]}
			for rule in "${libraries[@]}"; do
				if [[ $header =~ ^(${rule%:*})$ ]] && ! allowed "$file" "${rule##*:}"; then
					complain "$file:$line: <$header> belongs in ${rule##*:}"
				fi
			done
		fi
	done < <(grep -nE '^[[:space:]]*#[[:space:]]*include' "$file")
done < <(find src -name '*.[ch]' | sort)

exit "$bad"
