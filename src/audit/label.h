/* SPDX-License-Identifier: Apache-2.0 */
/*
 * label.h - programs that read files without anybody asking them to
 *
 * A desktop reads whatever it shows: a thumbnailer, an indexer and a sniffer of file
 * types open files that nobody looked at. Their records are records like others; the
 * label says by which kind of program, going by its executable alone. Who names his
 * program so gets the label: it explains, and proves nothing.
 */
#ifndef EVIDENCEFS_AUDIT_LABEL_H
#define EVIDENCEFS_AUDIT_LABEL_H

#include <stddef.h>

/* As they are where nothing else is configured; evidencefs.conf(5) has the same. */
#define LABEL_THUMBNAILERS                                                                         \
	"tumblerd *-thumbnailer gdk-pixbuf-thumbnailer gnome-thumbnail-font "                      \
	"ffmpegthumbnailer thumbnail.so glycin-* mate-thumbnail-font"
#define LABEL_INDEXERS                                                                             \
	"tracker-* tracker3 localsearch* baloo_file* updatedb* updatedb.* recollindex recoll "     \
	"strigidaemon zeitgeist-*"
#define LABEL_SNIFFERS "file mimetype xdg-mime gvfs-info gio kmimetypefinder* siegfried sf"

/* For each kind: patterns as of a shell, blanks between; one without a slash is compared
 * with the last component of the executable's path. NULL: none. Borrowed. */
struct labels {
	const char *thumbnailers;
	const char *indexers;
	const char *sniffers;
};

/** labels_usual() - as they are where nothing else is configured. */
struct labels labels_usual(void);
/** label_of() - "thumbnailer", "indexer", "sniffer", or NULL. @exe: path of an executable. */
const char *label_of(const struct labels *l, const char *exe);

#endif
