# SPDX-License-Identifier: Apache-2.0
"""tools/bench in parts: the machine, the images, the mounts, the rows, the table."""
