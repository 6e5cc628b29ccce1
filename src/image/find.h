/* SPDX-License-Identifier: Apache-2.0 */
/*
 * find.h - from what a person names to the files of an image
 *
 * A person may name the first segment, a folder that holds the segments of one
 * image, or a symbolic link to either. files.h does the rest: it knows neither
 * links nor folders.
 */
#ifndef EVIDENCEFS_IMAGE_FIND_H
#define EVIDENCEFS_IMAGE_FIND_H

#include "base/err.h"
#include "image/files.h"

/**
 * image_find() - find and open all segments of the image that is named
 * @given: as typed
 * @f:     filled; caller closes
 * @name:  the file's name, for a folder that of its first segment; caller frees
 *
 * A folder must hold the segments of exactly one image: .E01 or .S01; .000 or
 * .001; .00 or .01, .aa, .aaa and the like with at least one more behind them.
 * What else lies in it does not count. A symbolic link is followed, and the
 * other segments are looked for beside its target; where every segment is a link
 * of its own, the targets' names may say nothing, and those beside the link count.
 *
 * Return: 0. Errors as of image_files_open(); -EISDIR a folder without a first
 * segment, or with several (two are named).
 */
int image_find(const char *given, struct image_files *f, char **name, struct err *e);

#endif
