#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Make configure and Makefile.in from configure.ac and Makefile.am.
set -eu
cd "$(dirname "$0")"
exec autoreconf -fi "$@"
