/* SPDX-License-Identifier: Apache-2.0 */
/* label.c - programs that read files without being asked to; see label.h. */
#include "audit/label.h"

#include <fnmatch.h>
#include <stdbool.h>
#include <string.h>

#define PATTERN_MAX 256

struct labels labels_usual(void)
{
	return (struct labels){LABEL_THUMBNAILERS, LABEL_INDEXERS, LABEL_SNIFFERS};
}

static bool matches(const char *list, const char *exe)
{
	const char *slash = strrchr(exe, '/');
	const char *name = slash ? slash + 1 : exe;

	while (list && *list) {
		char pattern[PATTERN_MAX];
		size_t n = strcspn(list, " ");

		if (n > 0 && n < sizeof(pattern)) {
			memcpy(pattern, list, n);
			pattern[n] = '\0';
			if (fnmatch(pattern, strchr(pattern, '/') ? exe : name, FNM_PATHNAME) == 0)
				return true;
		}
		list += n + (list[n] == ' ');
	}
	return false;
}

const char *label_of(const struct labels *l, const char *exe)
{
	if (!exe[0])
		return NULL;
	if (matches(l->thumbnailers, exe))
		return "thumbnailer";
	if (matches(l->indexers, exe))
		return "indexer";
	return matches(l->sniffers, exe) ? "sniffer" : NULL;
}
